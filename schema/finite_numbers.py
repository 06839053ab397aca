"""Numbers that are not finite: none gets in, but version 2 took them. Where they are, and what takes them out."""

from collections.abc import Callable, Iterable, Iterator, Mapping
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
    filled = _those_with_rows(ask, {table.name: "true" for table in metadata.sorted_tables})
    return [table for table in metadata.sorted_tables if table.name in filled]


def not_finite(ask: Ask) -> Iterator[NotFinite]:
    """Every table and SAE with such rows; all tables are looked through by one statement, since hardly any has one."""
    conditions = {table.name: wrong for table in filled_tables(ask) if (wrong := _not_finite(table))}
    for name in _those_with_rows(ask, conditions):
        named = "LEFT JOIN sae USING (sae)" if "sae" in metadata.tables[name].columns and name != "sae" else ""
        label = "sae.label" if named else "NULL"
        held = f"(FROM {name} WHERE {conditions[name]}) AS held"
        for sae, rows in ask(f"SELECT {label}, COUNT(*) FROM {held} {named} GROUP BY ALL ORDER BY ALL"):
            yield NotFinite(name, sae, int(rows))


def _not_finite(table: Table) -> str:
    """What is true of a row with a number that is not finite; nothing for a table without such columns."""
    columns = (column.name for column in table.columns if isinstance(column.type, Float))
    return " OR ".join(f"NOT COALESCE(isfinite({name}), true)" for name in columns)


def _those_with_rows(ask: Ask, conditions: Mapping[str, str]) -> list[str]:
    """The tables that have a row of which their condition is true, in their order."""
    asked = " UNION ALL ".join(
        f"(SELECT '{name}' FROM {name} WHERE {wanted} LIMIT 1)" for name, wanted in conditions.items()
    )
    found = {name for (name,) in ask(asked)} if asked else set()
    return [name for name in conditions if name in found]


def finite_advice(ask: Ask, path: Path) -> str | None:
    """One line that says which SAEs have such rows and how they go; None where every number is finite."""
    found = list(not_finite(ask))
    if not found:
        return None
    saes = dict.fromkeys(each.sae for each in found if each.sae)
    removed = " and ".join(f"atlas remove {path} --sae {sae}" for sae in saes)
    tables = ", ".join(dict.fromkeys(each.table for each in found))
    return f"{path} holds NaN or infinity in {tables}; take out what has them: {removed or 'restore a backup'}"
