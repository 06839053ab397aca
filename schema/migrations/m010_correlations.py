"""Version 10: correlations whose intervals do not take features as independent."""

from importlib.resources import files

from sqlalchemy import Connection


def apply(connection: Connection) -> None:
    """Add the columns, and mark every contrast as to be computed again by the next command that writes."""
    script = files("schema.migrations").joinpath("m010_correlations.sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
