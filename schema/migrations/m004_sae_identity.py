"""Version 4: how an SAE and a model are read is part of what they are, and an SAE can be removed.

What pointed to models, tokenizations and SAEs by foreign key does so without one: DuckDB lets no row go whose
dependants went in the same transaction. It has no way to drop a key, so each such table is made anew.
"""

import re
from importlib.resources import files

from sqlalchemy import Connection

KEYS = re.compile(r", FOREIGN KEY \((sae|model|tokenization)\) REFERENCES \1\(\1\)")
OTHERS = """
    SELECT table_name, sql, comment
    FROM duckdb_tables()
    WHERE NOT internal
      AND table_name <> 'sae'
    ORDER BY table_name
"""
COMMENTS = """
    SELECT column_name, comment
    FROM duckdb_columns()
    WHERE NOT internal
      AND table_name = ?
      AND comment IS NOT NULL
    ORDER BY column_index
"""


def apply(connection: Connection) -> None:
    """Make the tables anew, with their rows, and give every SAE its name."""
    for name, declared, comment in connection.exec_driver_sql(OTHERS).fetchall():
        if KEYS.search(declared):
            _make_anew(connection, name, KEYS.sub("", declared), comment)
    script = files("schema.migrations").joinpath("m004_sae_identity.sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)


def _make_anew(connection: Connection, name: str, declared: str, comment: str) -> None:
    comments = connection.exec_driver_sql(COMMENTS, (name,)).fetchall()
    connection.exec_driver_sql(f"CREATE TEMP TABLE kept AS FROM {name}")
    connection.exec_driver_sql(f"DROP TABLE {name}")
    connection.exec_driver_sql(declared)
    connection.exec_driver_sql(f"INSERT INTO {name} FROM kept")
    connection.exec_driver_sql("DROP TABLE kept")
    connection.exec_driver_sql(f"COMMENT ON TABLE {name} IS {_quoted(comment)}")
    for column, said in comments:
        connection.exec_driver_sql(f"COMMENT ON COLUMN {name}.{column} IS {_quoted(said)}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
