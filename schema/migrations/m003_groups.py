"""Version 3: groups of documents, windows drawn in proportion to length, and contrasts computed again for them.

The figures of the contrasts of older versions are deleted, since they took pieces of one book for independent
and chose on the half that judges: the next ingest, removal or contrast computes them again.
"""

from importlib.resources import files

from sqlalchemy import Connection


def apply(connection: Connection) -> None:
    """Derive the groups, draw the windows anew, and mark every contrast."""
    script = files("schema.migrations").joinpath("m003_groups.sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
