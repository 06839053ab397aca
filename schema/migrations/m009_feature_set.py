"""Version 9: a small set of features that together tell the sides of a contrast apart."""

from importlib.resources import files

from sqlalchemy import Connection


def apply(connection: Connection) -> None:
    """Add the table and columns, and mark every contrast as to be computed again by the next command that writes."""
    script = files("schema.migrations").joinpath("m009_feature_set.sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
