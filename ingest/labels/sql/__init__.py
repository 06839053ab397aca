"""The statements of labels: places where features fire, and where they are silent."""

from collections.abc import Mapping

from schema.statements import sql_file
from schema.store import Atlas


def label_sql(name: str) -> str:
    """The SQL of NAME.sql."""
    return sql_file(__name__, name)


def run_label_sql(atlas: Atlas, name: str, values: Mapping[str, object] | None = None) -> None:
    """Run NAME.sql to its end."""
    atlas.rows(label_sql(name), values)
