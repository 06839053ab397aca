"""Numbers that are not finite: none gets in, but version 2 took them. Where they are, and what takes them out."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Float, Table

from schema.tables import metadata

Ask = Callable[[str], Iterable[tuple[Any, ...]]]
"""From a SELECT to its rows: `Atlas.rows`."""


@dataclass(frozen=True)
class NotFinite:
    """Rows of a table that hold a NaN or an infinity; `sae` is the label of their SAE, where the table names one."""

    table: str
    sae: str | None
    rows: int


def filled_tables(ask: Ask) -> list[Table]:
    """The tables that hold a row, those that others refer to first: most atlases leave most tables empty."""
    tables = {table.name: table for table in metadata.sorted_tables}
    found = ask(" UNION ALL ".join(f"(SELECT '{name}' FROM {name} LIMIT 1)" for name in tables))
    filled = {name for (name,) in found}
    return [table for name, table in tables.items() if name in filled]


def not_finite(ask: Ask) -> Iterator[NotFinite]:
    """Every table and SAE with such rows."""
    for table in filled_tables(ask):
        wrong = " OR ".join(
            f"NOT COALESCE(isfinite({column.name}), true)" for column in table.columns if isinstance(column.type, Float)
        )
        if wrong:
            named = "LEFT JOIN sae USING (sae)" if "sae" in table.columns and table.name != "sae" else ""
            label = "sae.label" if named else "NULL"
            held = f"(FROM {table.name} WHERE {wrong}) AS held"
            for sae, rows in ask(f"SELECT {label}, COUNT(*) FROM {held} {named} GROUP BY ALL ORDER BY ALL"):
                if rows:
                    yield NotFinite(table.name, sae, int(rows))


def finite_advice(ask: Ask, path: Path) -> str | None:
    """One line that says which SAEs have such rows and how they go; None where every number is finite."""
    found = list(not_finite(ask))
    if not found:
        return None
    saes = dict.fromkeys(each.sae for each in found if each.sae)
    removed = " and ".join(f"atlas remove {path} --sae {sae}" for sae in saes)
    tables = ", ".join(dict.fromkeys(each.table for each in found))
    return f"{path} holds NaN or infinity in {tables}; take out what has them: {removed or 'restore a backup'}"
