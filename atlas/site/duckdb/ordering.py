"""The order of a table's pages: rows that tie are told apart, and what is stored in order is not sorted again."""

import re
from collections.abc import Mapping

from atlas.publish.activations import TableDescription

_PAGE = re.compile(
    r"""\s* select\ (?P<columns>[^()]+?)\ from\ (?P<table>\S+)\ (?:where\ .*)?
        order\ by\ (?P<sort>\S+)(?:\ desc)?(?=\ limit\ \d+\s*$)""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


_BY_KEY = re.compile(
    r"""\s* select\ [^()]+?\ from\ (?P<table>\S+)\ (?P<where>where\ .*)?
        (?P<order>order\ by\ (?P<key>[^()]+?)\ )(?=limit\ \d+\s*$)""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_DISTINCT = re.compile(r"\s*select\s+distinct\b", re.IGNORECASE)
_NO_TABLES_PAGE = re.compile(r"\b(?:select|union|intersect|except|group|having)\b", re.IGNORECASE)


def order_table_page(sql: str, tables: Mapping[str, TableDescription]) -> str:
    """A table page's SELECT in an order that pages can follow; any other statement as it is."""
    return page_in_key_order(order_sql_without_ties(sql, tables), tables)


def order_sql_without_ties(sql: str, tables: Mapping[str, TableDescription]) -> str:
    """A table page's first SELECT with its key behind the column it is sorted by."""
    page = _PAGE.match(sql)
    if page is None:
        return sql
    name = _bare(page["table"])
    key = tables[name].key if name in tables else ()
    columns = {_bare(column.strip()) for column in page["columns"].split(",")}
    if not key or not set(key) <= columns or not columns | {_bare(page["sort"])} <= set(tables[name].columns):
        return sql
    ties = "".join(f", {quote_sql_identifier(column)}" for column in key)
    return sql[: page.end()] + ties + sql[page.end() :]


def page_in_key_order(sql: str, tables: Mapping[str, TableDescription]) -> str:
    """A table page's SELECT without ORDER BY where that is the key, by which every published table is sorted.

    DuckDB keeps the order of a table's rows through conditions and LIMIT, and stops at the last row wanted.
    """
    page = _BY_KEY.match(sql)
    table = tables.get(_bare(page["table"])) if page else None
    if page is None or table is None or _NO_TABLES_PAGE.search(sql, page.start("table")) or _DISTINCT.match(sql):
        return sql
    columns = tuple(_bare(column.strip()) for column in page["key"].split(","))
    return sql[: page.start("order")] + sql[page.end("order") :] if columns == table.key else sql


def quote_sql_identifier(identifier: str) -> str:
    """An identifier in the quotes that both SQLite and DuckDB know."""
    return '"' + identifier.replace('"', '""') + '"'


def _bare(name: str) -> str:
    return name[1:-1] if name[:1] in '["' else name
