"""Where documents come from: files, folders, patterns, stdin, data sets, notebooks and the bundled corpora."""

from ingest.sources.document import Document, Skipped
from ingest.sources.read import read_documents, source_place, source_stem

__all__ = ["Document", "Skipped", "read_documents", "source_place", "source_stem"]
