"""A label as a file gives it, and where it stands there."""

import reprlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from schema.errors import SourceError

OF_NEURONPEDIA = "neuronpedia"
"""The method of an explanation of Neuronpedia's that names none."""


@dataclass(frozen=True)
class Explanation:
    """What a file says of a feature of a dictionary; `dictionary` is how the file names that, where it does."""

    where: str
    dictionary: str | None
    feature: int
    label: str
    method: str
    author: str | None = None
    model: str | None = None
    created_at: datetime | None = None
    external_id: str | None = None


def imported_label_index(value: object) -> int | None:
    """The zero-based index that a field spells, as a number or as text; None where it spells none."""
    text = str(value).strip() if isinstance(value, int | str) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def imported_label_text(where: str, name: str, value: object) -> str | None:
    """The text of a field that may be absent.

    Raises:
        SourceError: it holds something else, or half a surrogate pair, which no UTF-8 spells.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise SourceError(f"{where}: {name} is no text: {reprlib.repr(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise SourceError(
            f"{where}: {name} is no text, it holds half a surrogate pair: {reprlib.repr(value)}"
        ) from error
    return value


def imported_label_time(value: object) -> datetime | None:
    """The time in UTC that a field spells in ISO 8601; None where it spells none."""
    with suppress(ValueError, OverflowError):
        found = datetime.fromisoformat(value if isinstance(value, str) else "")
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    return None
