"""A JSON object too long for memory, one member, or one element of its list, at a time."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from ingest.sources.document import LINE_LIMIT
from ingest.sources.lines import refuse_constant
from schema.errors import SourceError

BITE = 1 << 20


def object_members(path: Path, listed: str) -> Iterator[tuple[str, Any]]:
    """The members of the object that a file holds, in their order; of the list `listed`, each element by itself.

    Raises:
        SourceError: the file is cut short, no JSON object in UTF-8, or one of its values is too long.
    """
    try:
        with path.open(encoding="utf-8") as file:
            yield from _Text(file).members(listed)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is cut short, or no JSON of this kind ({error}); get the file anew") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror})") from error


class _Text:
    """What is in memory of a text: from the value that is being read on."""

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.held, self.at, self.ended = "", 0, False
        self.decoder = json.JSONDecoder(parse_constant=refuse_constant)

    def members(self, listed: str) -> Iterator[tuple[str, Any]]:
        """The names and values of the object; of the list under one name its elements, each with that name."""
        self._take("{")
        while self._next() != "}":
            name = self._value()
            if not isinstance(name, str):
                raise ValueError("a name is no text")  # noqa: TRY004 (what JSON's own errors are)
            self._take(":")
            if name == listed and self._next() == "[":
                yield from ((name, element) for element in self._elements())
            else:
                yield name, self._value()
            if self._next() == ",":
                self._take(",")
        self._take("}")
        if self._next():
            raise ValueError("something follows its end")

    def _elements(self) -> Iterator[Any]:
        self._take("[")
        while self._next() != "]":
            yield self._value()
            if self._next() == ",":
                self._take(",")
        self._take("]")

    def _value(self) -> Any:
        """The value that begins here; more is read until it is whole."""
        self._next()
        while True:
            try:
                found, end = self.decoder.raw_decode(self.held, self.at)
            except json.JSONDecodeError:
                if self.ended:
                    raise
            else:
                if end < len(self.held) or self.ended:  # else a number may go on
                    self.at = end
                    return found
            if len(self.held) - self.at > LINE_LIMIT:
                raise ValueError(f"a value is longer than {LINE_LIMIT:,} characters")
            self._read()

    def _next(self) -> str:
        """The next character that is no space; none at the end."""
        while True:
            while self.at < len(self.held):
                if self.held[self.at] not in " \t\r\n":
                    return self.held[self.at]
                self.at += 1
            if self.ended:
                return ""
            self._read()

    def _take(self, character: str) -> None:
        if self._next() != character:
            raise ValueError(f"{character} is missing")
        self.at += 1

    def _read(self) -> None:
        """Read on, as much as is held, so that a long value is decoded few times."""
        bite = self.file.read(max(BITE, len(self.held) - self.at))
        self.held, self.at, self.ended = self.held[self.at :] + bite, 0, not bite
