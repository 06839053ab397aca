"""Which features write in nearly the same direction."""

from sqlalchemy import REAL, Column, Integer, SmallInteger, Table

from schema.tables.base import metadata, pointer

feature_neighbour = Table(
    "feature_neighbour",
    metadata,
    pointer("sae", "SAE of both features"),
    pointer("feature", "Zero-based index in the SAE"),
    Column("rank", SmallInteger, nullable=False, comment="1 is the nearest"),
    Column("other_feature", Integer, nullable=False, comment="The neighbour's zero-based index in the same SAE"),
    Column("cosine", REAL, nullable=False, comment="Cosine of the two decoder directions"),
    comment="The ten features whose decoder directions are nearest to a feature's",
)
