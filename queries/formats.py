"""The rows of a query as text that other programs read."""

import csv
import io
import json
import math
from typing import Any

import pyarrow as pa


def to_csv(table: pa.Table) -> str:
    """CSV with a header line; NULL is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(row.values() for row in table.to_pylist())
    return text.getvalue()


def to_json(table: pa.Table) -> str:
    """A JSON array with one object a line; what JSON cannot hold (NaN, infinity) is null."""
    lines = [
        json.dumps({name: _plain(cell) for name, cell in row.items()}, ensure_ascii=False, default=str)
        for row in table.to_pylist()
    ]
    return "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n"


def _plain(cell: Any) -> Any:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell
