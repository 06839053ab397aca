"""What version 4 does before its SQL.

What pointed to models, tokenizations and SAEs by foreign key does so without one: DuckDB lets no row go whose
dependants went in the same transaction. It has no way to drop a key, so each such table is made anew.
"""

import re

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


def prepare(connection: Connection) -> None:
    """Make the tables without those keys anew, with their rows."""
    for name, declared, comment in connection.exec_driver_sql(OTHERS).fetchall():
        if KEYS.search(declared):
            _make_anew(connection, name, KEYS.sub("", declared), comment)


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
