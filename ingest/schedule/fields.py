"""The tables of a TOML file, read key by key; every mistake is noted with its key, and reading goes on."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar, cast

T = TypeVar("T")
LARGEST = 2**31 - 1
"""The largest number: as many rows as a table of documents has keys."""

LONGEST = timedelta(days=36_525)
"""A hundred years: no date that follows from it is beyond the calendar."""

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
DURATION = "write a length of time such as '90s', '15m', '6h' or '1d'"


def hint_near_schedule_fields(name: str, known: Iterable[str]) -> str:
    """A hint at the name that was meant, or at all there are."""
    names = list(known)
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if found:
        return f"did you mean '{found[0]}'?"
    return f"it may be {', '.join(names)}" if names else "there is none"


def toml_key(name: str) -> str:
    """A key as TOML spells it."""
    bare = name and all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in name)
    return name if bare else f'"{name}"'


@dataclass(frozen=True)
class Fields:
    """One table: its place in the file, its values, and those it falls back on; `read` holds the keys asked for."""

    place: str
    values: Mapping[str, Any]
    mistakes: list[str]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)

    def wrong(self, key: str, what: str) -> None:
        """Note a mistake, where the value stands."""
        place = "defaults." if key not in self.values and key in self.defaults else self.place
        self.mistakes.append(f"{place}{key}: {what}")

    def has(self, key: str) -> bool:
        """Whether the table itself names the key."""
        return key in self.values

    def text(self, key: str, otherwise: str | None = None) -> str | None:
        """A string that is not blank."""
        value = self._value(key)
        if value is None:
            return otherwise
        if not isinstance(value, str) or not value.strip():
            self.wrong(key, f'{value!r} is no text; write a string such as "{key}"')
            return otherwise
        return value

    def needed(self, key: str, example: str) -> str:
        """A string that must be there."""
        if self._value(key) is None:
            self.wrong(key, f"it is missing; write {key} = {example}")
            return ""
        return self.text(key) or ""

    def texts(self, key: str, otherwise: Sequence[str] = ()) -> tuple[str, ...]:
        """A list of strings; one string alone will do."""
        value = self._value(key)
        if value is None:
            return tuple(otherwise)
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not listed or not all(isinstance(v, str) and v.strip() for v in listed):
            self.wrong(key, f'{value!r} is no list of texts; write {key} = ["...", "..."]')
            return tuple(otherwise)
        return tuple(listed)

    def number(self, key: str, otherwise: T, least: int = 1) -> int | T:
        """The whole number of a key, or what stands for it where it is left out or wrong."""
        value = self._value(key)
        if value is None:
            return otherwise
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= LARGEST:
            reach = "on" if isinstance(value, int) and value < least else f"to {LARGEST:,}"
            self.wrong(key, f"{value!r} is no whole number from {least} {reach}")
            return otherwise
        return value

    def flag(self, key: str, *, otherwise: bool) -> bool:
        """Whether a key is true; what stands for it where it is left out or wrong."""
        value = self._value(key)
        if value is not None and not isinstance(value, bool):
            self.wrong(key, f"{value!r} is neither true nor false; write it without quotation marks")
            return otherwise
        return otherwise if value is None else value

    def choice(self, key: str, choices: Sequence[T], otherwise: T | None = None) -> T | None:
        """One of a few words."""
        value = self._value(key)
        if value is not None and value not in choices:
            words = list(map(str, choices))
            self.wrong(key, f"{value!r} is none of {', '.join(words)}; {hint_near_schedule_fields(str(value), words)}")
            return otherwise
        return otherwise if value is None else cast(T, value)

    def duration(
        self, key: str, otherwise: T, *, least: timedelta = timedelta(0), most: timedelta = LONGEST
    ) -> timedelta | T:
        """The length of time of a key, or what stands for it where it is left out or wrong."""
        value = self._value(key)
        if value is None:
            return otherwise
        try:
            found = parse_duration(value) if isinstance(value, str) else None
        except ValueError as error:
            self.wrong(key, f"{error}; {DURATION}")
            return otherwise
        if found is None or not least <= found <= most:
            self.wrong(key, f"{value!r} is no length of time{_between(least, most)}; {DURATION}")
            return otherwise
        return found

    def table(self, key: str, of: str = "") -> "Fields":
        """A table inside this one; an empty one if it is not there."""
        return Fields(f"{self.place}{key}.", self._mapping(key, of), self.mistakes)

    def tables(self, key: str, defaults: Mapping[str, Any] | None = None) -> dict[str, "Fields"]:
        """The tables inside a table, by name."""
        found = {}
        for name, values in self._mapping(key, ".NAME").items():
            place = f"{self.place}{key}.{toml_key(name)}"
            if not isinstance(values, dict):
                self.mistakes.append(f"{place}: it is no table; begin it with [{place}]")
                continue
            if not name.strip():
                self.mistakes.append(f"{place}: the name is blank; give it one")
            found[name] = Fields(f"{place}.", values, self.mistakes, defaults or {})
        return found

    def end(self) -> None:
        """Note every key that was not asked for."""
        known = sorted(self.read)
        for key in self.values:
            if key not in self.read:
                self.wrong(key, f"there is no such key here; {hint_near_schedule_fields(key, known)}")

    def checked(self, key: str, make: Callable[[str], T], advice: str) -> T | None:
        """A string that something is made of; `make` raises ValueError where it cannot be."""
        text = self.text(key)
        if text is None:
            return None
        try:
            return make(text)
        except ValueError as error:
            self.wrong(key, f"{text!r}: {error}; {advice}")
            return None

    def _value(self, key: str) -> Any:
        self.read.add(key)
        return self.values.get(key, self.defaults.get(key))

    def _mapping(self, key: str, of: str) -> Mapping[str, Any]:
        value = self._value(key)
        if value is not None and not isinstance(value, dict):
            self.wrong(key, f"it is no table; begin it with [{self.place}{key}{of}]")
        return value if isinstance(value, dict) else {}


def _between(least: timedelta, most: timedelta) -> str:
    longest = f" to {int(most.total_seconds())} s" if most < LONGEST else " on"
    return f" from {int(least.total_seconds())} s{longest}" if least else ""


def parse_duration(text: str) -> timedelta:
    """What `90s`, `15m`, `1h30m`, `2d` or `1w` mean.

    Raises: ValueError for anything else, and for more than a hundred years.
    """
    parts = re.findall(r"([0-9]{1,6})([smhdw])", text)
    if not parts or "".join(map("".join, parts)) != text:
        raise ValueError(f"'{text}' is no length of time")
    seconds = sum(int(number) * SECONDS[unit] for number, unit in parts)
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"'{text}' is longer than a hundred years")
    return timedelta(seconds=seconds)
