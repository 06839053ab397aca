"""Version 5: moments from centred sums, and the tokens a feature fires on most.

The moments are computed anew from the activations, in two passes and bounded memory. Those of logit weights that
may have underflowed are forgotten: the next ingest through the SAE computes them. So are the standard errors of
Shapley values, which were too small: the next explanation of the same prompt computes them.
"""

from importlib.resources import files

from sqlalchemy import Connection


def apply(connection: Connection) -> None:
    """Renew feature_corpus, and rank each feature's tokens."""
    script = files("schema.migrations").joinpath("m005_moments.sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
