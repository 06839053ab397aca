"""Version 6: a feature on the tokens of both sides of a contrast, and how many different ones it fires on.

Contrasts of an older version have none of it: they are marked as stale, and the next
command that writes computes them again.
"""

from importlib.resources import files

from sqlalchemy import Connection


def apply(connection: Connection) -> None:
    """Create what is new, with its comments."""
    script = files("schema.migrations").joinpath("m006_questions.sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
