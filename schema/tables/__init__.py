"""The tables of an atlas, declared once: DuckDB, SQLite and the docs follow from here."""

from schema.tables.activations import (
    activation,
    bos_activation,
    coverage,
    feature_corpus,
    feature_document,
    feature_example,
    feature_histogram,
    feature_token,
    sae_corpus,
)
from schema.tables.base import metadata
from schema.tables.contrasts import contrast, feature_contrast, sae_contrast
from schema.tables.documents import context, corpus, document, token
from schema.tables.models import feature, model, sae, tokenization, vocabulary
from schema.tables.runs import ingest_run, migration

__all__ = [
    "activation",
    "bos_activation",
    "context",
    "contrast",
    "corpus",
    "coverage",
    "document",
    "feature",
    "feature_contrast",
    "feature_corpus",
    "feature_document",
    "feature_example",
    "feature_histogram",
    "feature_token",
    "ingest_run",
    "metadata",
    "migration",
    "model",
    "sae",
    "sae_contrast",
    "sae_corpus",
    "token",
    "tokenization",
    "vocabulary",
]
