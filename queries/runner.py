"""Running a saved query on an open atlas."""

import difflib
from collections.abc import Mapping

import duckdb
import pyarrow as pa

from queries.parameters import Value, repeat_parameter_value
from queries.saved import SavedQuery, find_query
from queries.selection import check_selection, selection_statements
from schema import Atlas, QueryError

FIRING = """
    CREATE TEMP VIEW IF NOT EXISTS firing AS
    SELECT sae, context, position, [feature] AS features
    FROM activation
"""
"""What queries begin with that know tokens: the features that fire on each, in one row or in several.

A snapshot's DuckDB file has a table of it, a row a token; an atlas itself is not read so often.
"""


def run_query(atlas: Atlas, name: str, values: Mapping[str, Value] | None = None) -> pa.Table:
    """The rows of a saved query as an Arrow table; parameters not in `values` take their defaults.

    Raises:
        QueryError: no such query or parameter, a value missing or of the wrong type.
        SelectionError: a value names an SAE, feature, corpus, domain or contrast that the atlas does not hold.
    """
    query, named = find_query(name), atlas.address or str(atlas.path)
    bound = bind_parameters(query, values or {})
    atlas.duckdb.execute(FIRING)
    held = {sql: atlas.duckdb.execute(sql).fetchall() for sql in selection_statements(query, bound)}
    check_selection(query, bound, held, named)
    try:
        return atlas.arrow(query.duckdb_sql, bound)
    except duckdb.Error as error:
        raise QueryError(f"{name} cannot be run on {named}: {str(error).splitlines()[0]}") from error


def bind_parameters(query: SavedQuery, values: Mapping[str, Value]) -> dict[str, Value]:
    """A value for every parameter of a query: the given one in its declared type, or its default.

    Raises:
        QueryError: an unknown parameter, a missing value, or one of the wrong type.
    """
    given = read_query_values(query, {name: value for name, value in values.items() if value is not None})
    missing = parameters_missing(given, query)
    if missing:
        options = " ".join(f"-p {name}=..." for name in missing)
        raise QueryError(f"{query.name} needs {options}; {_declared(query)}")
    defaults = {each.name: each.default for each in query.parameters if each.default is not None}
    return defaults | given


def parameters_missing(values: Mapping[str, Value], query: SavedQuery) -> list[str]:
    """The parameters of a query that need a value and have none, or an empty text."""
    return [each.name for each in query.parameters if each.required and values.get(each.name, "") == ""]


def read_query_values(query: SavedQuery, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values that are given, each in its declared type: what the command and the served page both read by.

    Raises:
        QueryError: an unknown parameter, or a value of the wrong type.
    """
    declared = {parameter.name: parameter for parameter in query.parameters}
    given: dict[str, Value] = {}
    for name, value in values.items():
        if name not in declared:
            raise QueryError(f"{query.name} has no parameter {repeat_parameter_value(name)}; {_nearest(name, query)}")
        try:
            given[name] = declared[name].convert(value)
        except QueryError as error:
            raise QueryError(f"{query.name}: {error}") from None
    return given


def _nearest(name: str, query: SavedQuery) -> str:
    near = difflib.get_close_matches(name, [parameter.name for parameter in query.parameters], n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else _declared(query)


def _declared(query: SavedQuery) -> str:
    if not query.parameters:
        return "it has none"
    return "its parameters: " + ", ".join(str(parameter) for parameter in query.parameters)
