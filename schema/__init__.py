"""What is stored: tables, opening and migrating an atlas file, its invariants, the exception tree."""

from schema.errors import (
    AtlasDamagedError,
    AtlasError,
    AtlasFileError,
    AtlasLockedError,
    AtlasMissingError,
    AtlasVersionError,
    MemoryLimitError,
    ModelError,
    QueryError,
    ScheduleError,
    SelectionError,
    SourceError,
)
from schema.store import Atlas, open_atlas

__all__ = [
    "Atlas",
    "AtlasDamagedError",
    "AtlasError",
    "AtlasFileError",
    "AtlasLockedError",
    "AtlasMissingError",
    "AtlasVersionError",
    "MemoryLimitError",
    "ModelError",
    "QueryError",
    "ScheduleError",
    "SelectionError",
    "SourceError",
    "open_atlas",
]
