"""Version 7: p that hold whatever the sizes of the sides, a family-wise p, and no q of the version before."""

from importlib.resources import files

from sqlalchemy import Connection


def apply(connection: Connection) -> None:
    """Add the columns, and mark every contrast as to be computed again by the next command that writes."""
    script = files("schema.migrations").joinpath("m007_false_discoveries.sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
