"""The tables as DuckDB statements: what a new migration is drafted from.

python -m schema.ddl            every table
python -m schema.ddl TABLE ...  those named
"""

import sys
from collections.abc import Container
from functools import cache

from duckdb_engine import Dialect
from sqlalchemy.schema import CreateTable, SetColumnComment, SetTableComment

from schema.tables import metadata


def table_statements(names: Container[str] = metadata.tables.keys()) -> list[str]:
    """CREATE TABLE and COMMENT ON for the named tables, parents first."""
    dialect = Dialect()
    found: list[str] = []
    for table in metadata.sorted_tables:
        if table.name not in names:
            continue
        found.append(str(CreateTable(table).compile(dialect=dialect)))
        found.append(str(SetTableComment(table).compile(dialect=dialect)))
        found.extend(str(SetColumnComment(column).compile(dialect=dialect)) for column in table.columns)
    return ["\n".join(line.rstrip() for line in statement.strip().splitlines()) for statement in found]


@cache
def schema_script() -> str:
    """The statements of every table, as one."""
    return ";\n\n".join(table_statements()) + ";\n"


if __name__ == "__main__":
    sys.stdout.write(";\n\n".join(table_statements(sys.argv[1:] or metadata.tables.keys())) + ";\n")
