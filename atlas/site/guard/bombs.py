"""SQLite's functions that one address can make run for minutes, bounded.

Nothing interrupts a function while it runs. The time of some grows with the product of their arguments' lengths,
that of a format with the widths that it names. Each is replaced by one that looks at this first and leaves the
work to SQLite's own, on a connection of its own, so that every result is SQLite's.
"""

import math
import re
import sqlite3
from collections.abc import Callable
from typing import Any

WORK = 100_000_000
"""Product of two lengths: 1.4 seconds of `trim`, a moment of the others; 1 MB of text and a word of 100 letters."""
BOUNDED = {"instr": (2,), "replace": (3,), "trim": (1, 2), "ltrim": (1, 2), "rtrim": (1, 2)}
"""How many arguments each function takes."""


FORMATS = ("printf", "format")

_NUMBER = re.compile(r"\d+")


def bound_functions(connection: sqlite3.Connection) -> None:
    """Replace these functions on a connection, whose limit of length they keep."""
    plain = sqlite3.connect(":memory:", check_same_thread=False)
    plain.text_factory = connection.text_factory
    longest = connection.getlimit(sqlite3.SQLITE_LIMIT_LENGTH)
    plain.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)

    def _bound(name: str, count: int, excessive: Callable[..., bool]) -> None:
        connection.create_function(name, count, _bounded(plain, name, excessive), deterministic=True)

    for name, counts in BOUNDED.items():
        for count in counts:
            _bound(name, count, _multiplies)
    for name in FORMATS:
        _bound(name, -1, lambda *values: printf_characters(*values) > longest)


def _bounded(plain: sqlite3.Connection, name: str, excessive: Callable[..., bool]) -> Callable[..., Any]:
    too_big = plain.getlimit(sqlite3.SQLITE_LIMIT_LENGTH) + 1

    def _call(*values: Any) -> Any:
        if excessive(*values):
            return bytes(too_big)  # SQLite refuses it by its length; an exception would be printed
        try:
            return plain.execute(f"SELECT {name}({', '.join('?' * len(values))})", values).fetchone()[0]
        except (sqlite3.DataError, MemoryError):
            return bytes(too_big)

    return _call


def _multiplies(*values: Any) -> bool:
    """Whether the work on the first two values is too much."""
    return math.prod(len(value) for value in values[:2] if isinstance(value, str | bytes)) > WORK


def printf_characters(template: Any = "", *values: Any) -> int:
    """The most characters that a format's widths and precisions ask for; `*` takes them from the values."""
    text = str(template)
    taken = sum(abs(int(value)) for value in values if isinstance(value, int | float)) if "*" in text else 0
    return taken + sum(int(number) for number in _NUMBER.findall(text))
