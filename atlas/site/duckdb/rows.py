"""What Datasette gets of a worker's answer: rows that read like sqlite3.Row."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, SupportsIndex


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


def make_rows(columns: Sequence[str], values: Sequence[Sequence[Any]]) -> list[Row]:
    """Rows of an answer; of two columns with one name, the name gives the first."""
    positions = {name: place for place, name in reversed(list(enumerate(columns)))}
    ordered = {name: positions[name] for name in columns}
    return [Row([_decoded(value) for value in row], ordered) for row in values]


def _decoded(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value
