"""The saved queries: .sql files inside this package, a folder a group.

    -- title: Densest features
    -- description: What a newcomer reads before running it.
    -- database: atlas
    -- param limit: INTEGER = 40  -- most rows shown
    SELECT ...

`database` says where the published atlas runs it: `atlas` (SQLite, the small
tables) or `activations` (DuckDB, every table). On an atlas file all of them run.

What several queries say is said once, as a SELECT in `parts/`; a query takes it in by a line of its own:

    WITH chosen AS (
        -- part: first_sae_asked
    )

A view could not do that: most of what is said twice reads a parameter.
"""

import difflib
import re
import textwrap
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable

from queries.parameters import Parameter, parse_parameter, replace_query_placeholders
from schema import QueryError

GROUPS = {
    "overview": "What the atlas holds",
    "contrast": "Features that tell documents apart",
    "search": "Finding features",
    "feature": "One feature, up close",
    "labels": "What features are said to mean",
    "families": "Features that belong together",
    "attribution": "What predictions and activations are owed to",
    "circuit": "What makes a feature fire, and what it does",
    "reproduction": "The study, run again",
}
DATABASES = ("atlas", "activations")
PARTS = "parts"
_PART = re.compile(r"^(?P<indent> *)-- part: (?P<name>\w+)$", re.MULTILINE)


@dataclass(frozen=True)
class SavedQuery:
    """A saved query: its header and its SQL, with `:name` placeholders."""

    name: str
    group: str
    title: str
    description: str
    database: str
    parameters: tuple[Parameter, ...]
    sql: str

    @cached_property
    def duckdb_sql(self) -> str:
        """The SQL with DuckDB's `$name` placeholders."""
        return replace_query_placeholders(self.sql, lambda name: f"${name}")

    @cached_property
    def served_sql(self) -> str:
        """The SQL for a server, which passes each value as text, and '' or NULL where none was given.

        Every placeholder becomes an expression of the declared type that falls
        back on the default where nothing is given; a required one falls back on
        NULL, which finds nothing, and so does a text that is no number.
        """
        expressions = {parameter.name: _served(parameter) for parameter in self.parameters}
        return replace_query_placeholders(self.sql, expressions.__getitem__)


def saved_query_of_sql(sql: str) -> SavedQuery | None:
    """The saved query whose SQL a server runs; None where it is a person's own."""
    return _by_served_sql().get(sql)


@cache
def _by_served_sql() -> dict[str, SavedQuery]:
    return {query.served_sql: query for query in saved_queries().values()}


@cache
def saved_queries() -> dict[str, SavedQuery]:
    """Every saved query by its name, sorted by group and name."""
    found = [parse_query(file, group) for group in GROUPS for file in _sql_files(group)]
    return {query.name: query for query in found}


def find_query(name: str) -> SavedQuery:
    """The saved query of that name.

    Raises:
        QueryError: there is none.
    """
    queries = saved_queries()
    if name not in queries:
        near = difflib.get_close_matches(name, queries, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "list them: atlas query ATLAS"
        raise QueryError(f"there is no saved query '{name}'; {hint}")
    return queries[name]


def parse_query(file: Traversable, group: str) -> SavedQuery:
    """The saved query in an .sql file.

    Raises:
        QueryError: its header is malformed, or it names a part that is not there.
    """
    name = file.name.removesuffix(".sql")
    lines = file.read_text(encoding="utf-8").splitlines()
    size = next((number for number, line in enumerate(lines) if not line.startswith("-- ")), len(lines))
    header = [line.removeprefix("-- ").split(" ", 1) for line in lines[:size]]
    if [line[0] for line in header] != ["title:", "description:", "database:"] + ["param"] * (size - 3):
        raise QueryError(f"{file.name}: its header is not -- title: -- description: -- database: and -- param lines")
    title, description, database = (line[1] for line in header[:3])
    if database not in DATABASES:
        raise QueryError(f"{file.name}: its database is '{database}', not {' or '.join(DATABASES)}")
    parameters = tuple(parse_parameter(line[1]) for line in header[3:])
    sql = with_parts("\n".join(lines[size:]).strip(), file.name)
    return SavedQuery(name, group, title, description, database, parameters, sql)


def with_parts(sql: str, asker: str) -> str:
    """The SQL with each line that names a part replaced by the part, at the same indent; `asker` is whose SQL it is.

    Raises:
        QueryError: it names a part that is not there.
    """

    def _said(match: re.Match[str]) -> str:
        file = files("queries").joinpath(PARTS, f"{match['name']}.sql")
        if not file.is_file():
            raise QueryError(f"{asker}: there is no part '{match['name']}' in queries/{PARTS}")
        lines = file.read_text(encoding="utf-8").splitlines()
        select = "\n".join(line for line in lines if not line.startswith("--"))
        return textwrap.indent(with_parts(select, file.name), match["indent"])

    return _PART.sub(_said, sql)


def _sql_files(group: str) -> list[Traversable]:
    folder = files("queries").joinpath(group)
    return sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)


def _served(parameter: Parameter) -> str:
    """What stands for a placeholder; its value was read before, unless the SQL is edited."""
    given = f"NULLIF(CAST(:{parameter.name} AS VARCHAR), '')"
    if parameter.default is not None:
        default = str(parameter.default).replace("'", "''")
        given = f"COALESCE({given}, '{default}')"
    if parameter.type == "VARCHAR":
        return given
    characters = {"INTEGER": "-0123456789", "DOUBLE": "-+.eE0123456789"}[parameter.type]
    return f"CAST(CASE WHEN LTRIM({given}, '{characters}') = '' THEN {given} END AS {parameter.type})"
