"""The rows of a query as text that other programs read."""

import csv
import io
import json
import math
from collections.abc import Callable
from typing import Any

import pyarrow as pa


def to_csv(table: pa.Table, delimiter: str = ",") -> str:
    """CSV with a header line; NULL is an empty cell, and a cell that breaks a line stands in quotes."""
    text = io.StringIO()
    writer = csv.writer(_Lines(text), delimiter=delimiter)
    writer.writerow(table.column_names)
    writer.writerows(row.values() for row in table.to_pylist())
    return text.getvalue()


def to_tsv(table: pa.Table) -> str:
    """The same with tabs between the cells."""
    return to_csv(table, delimiter="\t")


def query_json(table: pa.Table) -> str:
    """A JSON array with one object a line; what JSON cannot hold (NaN, infinity) is null."""
    lines = _objects(table)
    return "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n"


def to_jsonl(table: pa.Table) -> str:
    """The same objects, one a line and nothing else."""
    return "".join(f"{line}\n" for line in _objects(table))


TEXTS: dict[str, Callable[[pa.Table], str]] = {"csv": to_csv, "tsv": to_tsv, "json": query_json, "jsonl": to_jsonl}
"""The formats that are text, each with every digit, and what writes it."""


class _Lines:
    """Ends lines with a line feed alone.

    The writer is left to end them with both characters: before Python 3.12 it quotes a carriage return inside a cell
    only where lines end with one.
    """

    def __init__(self, text: io.StringIO) -> None:
        self._text = text

    def write(self, line: str) -> int:
        """Write one line."""
        return self._text.write(line.removesuffix("\r\n") + "\n")


def _objects(table: pa.Table) -> list[str]:
    return [
        json.dumps({name: _plain(cell) for name, cell in row.items()}, ensure_ascii=False, default=str)
        for row in table.to_pylist()
    ]


def _plain(cell: Any) -> Any:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell
