"""Version 2: how far an SAE can be trusted, which features are neighbours, what a schedule did."""

from importlib.resources import files

from sqlalchemy import Connection


def apply(connection: Connection) -> None:
    """Create the tables, with their comments."""
    script = files("schema.migrations").joinpath("m002_quality_schedule.sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
