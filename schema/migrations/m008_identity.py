"""Version 8: the folder that a document came from, and what a run replaced, brought up to date, dropped, repeated."""

from importlib.resources import files

from sqlalchemy import Connection


def apply(connection: Connection) -> None:
    """Add the columns, with their comments."""
    script = files("schema.migrations").joinpath("m008_identity.sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
