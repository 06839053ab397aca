"""Version 1: the tables of the first release."""

from importlib.resources import files

from sqlalchemy import Connection


def apply(connection: Connection) -> None:
    """Create the tables, with their comments."""
    script = files("schema.migrations").joinpath("m001_create_tables.sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
