"""The saved queries: .sql files inside this package, a folder a group.

    -- title: Densest features
    -- description: What a newcomer reads before running it.
    -- database: atlas
    -- param limit: INTEGER = 40  -- most rows shown
    SELECT ...

`database` says where the published atlas runs it: `atlas` (SQLite, the small
tables) or `activations` (DuckDB, every table). On an atlas file all of them run.
"""

import difflib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from queries.parameters import Parameter, parse_parameter
from queries.placeholders import replace_placeholders
from schema import QueryError

GROUPS = {
    "overview": "What the atlas holds",
    "contrast": "Features that tell documents apart",
    "search": "Finding features",
    "feature": "One feature, up close",
    "attribution": "What predictions and activations are owed to",
}
DATABASES = ("atlas", "activations")


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

    @property
    def duckdb_sql(self) -> str:
        """The SQL with DuckDB's `$name` placeholders."""
        return replace_placeholders(self.sql, lambda name: f"${name}")

    @property
    def served_sql(self) -> str:
        """The SQL for a server, which passes each value as text, and '' or NULL where none was given.

        Every placeholder becomes an expression of the declared type that falls
        back on the default; a required one falls back on NULL, which finds nothing.
        """
        expressions = {parameter.name: _served(parameter) for parameter in self.parameters}
        return replace_placeholders(self.sql, expressions.__getitem__)


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
        QueryError: its header is malformed.
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
    return SavedQuery(name, group, title, description, database, parameters, "\n".join(lines[size:]).strip())


def _sql_files(group: str) -> list[Traversable]:
    folder = files("queries").joinpath(group)
    return sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)


def _served(parameter: Parameter) -> str:
    """What stands for a placeholder; a text that is no number counts as none."""
    given = f"NULLIF(CAST(:{parameter.name} AS VARCHAR), '')"
    if parameter.type != "VARCHAR":
        characters = {"INTEGER": "-0123456789", "DOUBLE": "-+.eE0123456789"}[parameter.type]
        given = f"CASE WHEN LTRIM({given}, '{characters}') = '' THEN {given} END"
    if parameter.default is not None:
        default = str(parameter.default).replace("'", "''")
        given = f"COALESCE({given}, '{default}')"
    return given if parameter.type == "VARCHAR" else f"CAST({given} AS {parameter.type})"
