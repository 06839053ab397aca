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
    feature_top_token,
    sae_corpus,
)
from schema.tables.attributions import explanation, feature_attribution, prompt_filter, token_attribution
from schema.tables.base import metadata
from schema.tables.contrasts import (
    contrast,
    contrast_correlation,
    contrast_document,
    contrast_null,
    contrast_set,
    feature_confirmation,
    feature_contrast,
    feature_domain,
    feature_evidence,
    feature_lift,
    feature_pair,
    sae_contrast,
)
from schema.tables.documents import context, corpus, document, token
from schema.tables.models import feature, model, sae, tokenization, vocabulary
from schema.tables.neighbours import feature_neighbour
from schema.tables.quality import sae_quality
from schema.tables.runs import ingest_run, migration, scheduled_run

__all__ = [
    "activation",
    "bos_activation",
    "context",
    "contrast",
    "contrast_correlation",
    "contrast_document",
    "contrast_null",
    "contrast_set",
    "corpus",
    "coverage",
    "document",
    "explanation",
    "feature",
    "feature_attribution",
    "feature_confirmation",
    "feature_contrast",
    "feature_corpus",
    "feature_document",
    "feature_domain",
    "feature_evidence",
    "feature_example",
    "feature_histogram",
    "feature_lift",
    "feature_neighbour",
    "feature_pair",
    "feature_token",
    "feature_top_token",
    "ingest_run",
    "metadata",
    "migration",
    "model",
    "prompt_filter",
    "sae",
    "sae_contrast",
    "sae_corpus",
    "sae_quality",
    "scheduled_run",
    "token",
    "token_attribution",
    "tokenization",
    "vocabulary",
]
