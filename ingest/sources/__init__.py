"""Where documents come from: files, patterns, stdin and the bundled corpora."""

from ingest.sources.document import Document, Skipped
from ingest.sources.reading import read_documents, source_place, source_stem

__all__ = ["Document", "Skipped", "read_documents", "source_place", "source_stem"]
