"""What goes between the server and a worker: its limits, DuckDB's values as JSON and SQLite both know them, and rows.

Rows read like sqlite3.Row. Imports nothing that takes long: a worker starts with it.
"""

import base64
import json
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, SupportsIndex


@dataclass(frozen=True)
class Settings:
    """What a worker is told when it starts; sizes in bytes unless they say megabytes."""

    file: str
    memory_megabytes: int
    threads: int
    longest_cell: int
    longest_answer: int
    niceness: int


INTEGER_LIMIT = 2**63
"""Integers beyond are sent as text: SQLite, which Datasette speaks, has none."""

FLOAT_DIGITS = range(6, 10)
"""Six digits name some 32-bit floats, nine every one."""


def duckdb_value_converter(type_: str) -> Callable[[Any], Any]:
    """What converts the values of a column of that DuckDB type."""
    return _shortest if type_ == "FLOAT" else json_value


def json_value(value: Any) -> Any:
    """None, an integer, a float, a text, or {"base64": text} for bytes."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value if -INTEGER_LIMIT <= value < INTEGER_LIMIT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes | bytearray | memoryview):
        return {"base64": base64.b64encode(value).decode("ascii")}
    return _plain(value)


def _plain(value: Any) -> Any:
    """The rarer kinds, as text but for exact decimals."""
    if isinstance(value, Decimal):
        return json_value(int(value) if value == value.to_integral_value() else float(value))
    if isinstance(value, datetime):
        return _moment(value.isoformat(sep=" "))
    if isinstance(value, time):
        return _moment(value.isoformat())
    if isinstance(value, date | timedelta):
        return str(value)
    if isinstance(value, list | tuple | dict):
        return json.dumps(_nested(value), ensure_ascii=False)
    return str(value)


def _nested(value: Any) -> Any:
    """A list, map or struct with members that JSON knows."""
    if isinstance(value, dict):
        return {str(key): _nested(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_nested(member) for member in value]
    if isinstance(value, bool):
        return value
    return json_value(value)


def _moment(text: str) -> str:
    """A time as DuckDB and the published SQLite tables spell it: no zeros at the end of a fraction."""
    return text.rstrip("0") if "." in text else text


def _shortest(value: Any) -> Any:
    """A 32-bit float as the shortest decimal that names it: 0.1, not 0.10000000149011612."""
    if not isinstance(value, float) or not math.isfinite(value):
        return json_value(value)
    for digits in FLOAT_DIGITS:
        decimal = float(f"{value:.{digits}g}")
        if abs(decimal) <= abs(value) * 2 and struct.pack("f", value) == _packed(decimal):
            return decimal
    return value


def _packed(value: float) -> bytes:
    try:
        return struct.pack("f", value)
    except OverflowError:  # rounded up past the largest 32-bit float
        return b""


class Row(tuple[Any, ...]):
    """A row, by position and by column name; `dict(row)` works as with sqlite3.Row."""

    _positions: Mapping[str, int]

    def __new__(cls, values: Sequence[Any], positions: Mapping[str, int]) -> "Row":
        """The values in the order of their columns, and where each column stands."""
        row = super().__new__(cls, values)
        row._positions = positions
        return row

    def __getitem__(self, key: str | SupportsIndex | slice) -> Any:
        """The value of a column.

        Raises:
            IndexError: there is no such column, as sqlite3.Row has it.
        """
        if not isinstance(key, str):
            return super().__getitem__(key)
        if key not in self._positions:
            raise IndexError("No item with that key")
        return super().__getitem__(self._positions[key])

    def keys(self) -> list[str]:
        """The names of the columns."""
        return list(self._positions)


def duckdb_answer_rows(columns: Sequence[str], values: Sequence[Sequence[Any]]) -> list[Row]:
    """Rows of an answer; of two columns with one name, the name gives the first."""
    positions = {name: place for place, name in reversed(list(enumerate(columns)))}
    ordered = {name: positions[name] for name in columns}
    return [Row([_decoded(value) for value in row], ordered) for row in values]


def _decoded(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value
