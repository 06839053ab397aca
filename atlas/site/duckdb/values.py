"""A DuckDB value as a worker sends it: what JSON and SQLite both know.

Imports nothing that takes long: a worker starts with it.
"""

import base64
import json
import math
import struct
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

INTEGER_LIMIT = 2**63
"""Integers beyond are sent as text: SQLite, which Datasette speaks, has none."""

FLOAT_DIGITS = range(6, 10)
"""Six digits name some 32-bit floats, nine every one."""


def converter(type_: str) -> Callable[[Any], Any]:
    """What converts the values of a column of that DuckDB type."""
    return _shortest if type_ == "FLOAT" else convert


def convert(value: Any) -> Any:
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
        return convert(int(value) if value == value.to_integral_value() else float(value))
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
    return convert(value)


def _moment(text: str) -> str:
    """A time as DuckDB and the published SQLite tables spell it: no zeros at the end of a fraction."""
    return text.rstrip("0") if "." in text else text


def _shortest(value: Any) -> Any:
    """A 32-bit float as the shortest decimal that names it: 0.1, not 0.10000000149011612."""
    if not isinstance(value, float) or not math.isfinite(value):
        return convert(value)
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
