"""Everything that is stored of a contrast for one SAE, computed a range of features at a time."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ingest.contrasts.concept import EVIDENCE, MOMENTS, BestSplits, correlation_rows, fms_columns
from ingest.contrasts.confirmation import confirmation_columns, confirmation_draws
from ingest.contrasts.evidence import MIN_DIFFERENCES, domain_columns, evidence_from_pairs, evidence_rows
from ingest.contrasts.feature_columns import (
    MIN_DOCUMENTS,
    Columns,
    contrast_column_q,
    contrast_columns,
    features_seen_by_contrast,
    features_tested,
    places_in_contrast,
)
from ingest.contrasts.feature_sets import Together
from ingest.contrasts.lifts import TokenLifts
from ingest.contrasts.null import Shuffles, null_shuffles
from ingest.contrasts.scores import CHUNK_ROWS, Documents, Scores, Unit, read_score_chunks
from ingest.statistics.correlation import correlated_clusters
from ingest.statistics.paired import paired_template_numbers
from ingest.statistics.stratified import length_quartiles, stratified_length_p
from ingest.statistics.study_contrast import study_kept
from schema.memory import renew_duckdb_share
from schema.store import Atlas

FAVOURED = 0.6
"""AUROC from which on a feature's different tokens are counted."""
NEAR = 0.4
"""Cosine of two features' decoder directions above which they do not count as independent."""


@dataclass(frozen=True)
class Figures:
    """The rows of each table by its name, without their keys, and the figures of sae_contrast."""

    tables: dict[str, pa.Table]
    summary: dict[str, float | int | None]


def compute_figures(
    atlas: Atlas, sae: tuple[int, int], documents: Documents, unit: Unit, shuffles: int, chunk_rows: int = CHUNK_ROWS
) -> Figures:
    """Every figure of a contrast for an SAE, given with its number of features, and its null."""
    key, d_sae = sae
    best, weights = BestSplits(documents), confirmation_draws(documents)
    null, together = null_shuffles(documents, shuffles), Together(documents)
    parts: defaultdict[str, list[Columns]] = defaultdict(list)
    lifts = TokenLifts(atlas, key, documents)
    for scores in read_score_chunks(atlas, key, d_sae, documents, unit, chunk_rows):
        best.add(scores)
        together.add(scores)
        for name, columns in _chunk(scores, weights, null).items():
            parts[name].append(columns)
        parts["feature_lift"].append(lifts.columns(scores))
    del scores, lifts  # what they hold grows with the documents, and what follows wants room
    renew_duckdb_share(atlas.duckdb)
    found = {name: _joined(columns) for name, columns in parts.items()}
    contrast, pair = found["feature_contrast"], found["feature_pair"]
    chosen = contrast["fires_positive"] + contrast["fires_control"] >= MIN_DOCUMENTS
    corrected, null_rows = null.corrected(contrast["feature"], contrast["p"], chosen)
    contrast |= corrected
    contrast["study_kept"] = study_kept(contrast["study_positive"], contrast["study_control"])
    found["feature_confirmation"] |= discovery_columns(found["feature_confirmation"])
    pair["q"] = contrast_column_q(pair["p"], pair.pop("differing") >= MIN_DIFFERENCES)
    confirmation = found["feature_confirmation"]
    confirmation["place_discovery"] = places_in_contrast(contrast, confirmation, found["feature_lift"])
    tables = {name: _table(columns) for name, columns in found.items()}
    tables["contrast_null"] = null_rows
    tables["feature_evidence"], n_terms = evidence_rows(atlas, key, documents, _favoured(found))
    aligned = _aligned(atlas, key, d_sae, tables, contrast["feature"][chosen])
    tables["contrast_document"] = document_rows(documents)
    tables["contrast_correlation"] = correlation_rows(aligned)
    counts = _counts(documents) | {"features_tested": int(chosen.sum()), "terms": n_terms}
    tables["contrast_set"], set_columns = together.rows(weights)
    return Figures(tables, counts | set_columns | fms_columns(best.monosemanticity(), documents, weights))


def _favoured(found: dict[str, Columns]) -> np.ndarray:
    """Features that tell the sides apart on the discovery half, or on all documents where it is too small."""
    discovered = found["feature_confirmation"]["auroc_discovery"]
    auroc = np.where(np.isfinite(discovered), discovered, found["feature_contrast"]["auroc"])
    return np.asarray(found["feature_contrast"]["feature"][auroc >= FAVOURED])


def _chunk(scores: Scores, weights: np.ndarray, null: Shuffles) -> dict[str, Columns]:
    kept = features_seen_by_contrast(scores)
    contrast = {**contrast_columns(scores), "p": null.add(scores)}
    confirmation = confirmation_columns(scores, weights)
    return {
        "feature_contrast": _rows(contrast, kept),
        "feature_confirmation": _rows(confirmation, kept),
        "feature_pair": evidence_from_pairs(scores),
        "feature_domain": domain_columns(scores, confirmation["threshold"], features_tested(scores)),
    }


def discovery_columns(confirmation: Columns) -> Columns:
    """What the discovery half alone finds and the study's method prints of it, over all features."""
    fires, p = confirmation["fires_discovery"], confirmation["p_discovery"]
    positive, control = confirmation["study_positive_discovery"], confirmation["study_control_discovery"]
    return {
        "q_discovery": contrast_column_q(p, (fires >= MIN_DOCUMENTS) & np.isfinite(p)),
        "study_kept_discovery": study_kept(positive, control),
    }


def document_rows(documents: Documents) -> pa.Table:
    """Which documents are compared: their side, their half, and the length of what is compared."""
    split = np.where(documents.confirmation, "confirmation", "discovery").astype(object)
    return pa.table(
        {
            "document": documents.key,
            "positive": documents.positive,
            "split": split,
            "tokens": documents.length.astype(np.int32),
        }
    )


def _lengths(documents: Documents) -> dict[str, float]:
    """How long what is compared is on each side."""
    found = {"length_p": stratified_length_p(documents.length, documents.positive, documents.group)}
    for side, inside in (("positive", documents.positive), ("control", ~documents.positive)):
        quartiles = length_quartiles(documents.length[inside])
        found |= {f"length_{side}_{name}": value for name, value in quartiles._asdict().items()}
    return found


def _counts(documents: Documents) -> dict[str, float | int | None]:
    positive, control = documents.sizes
    discovery = documents.half_sizes(confirmation=False)
    return {
        "documents_positive": positive,
        "documents_control": control,
        "groups_positive": documents.groups[0],
        "groups_control": documents.groups[1],
        **_lengths(documents),
        "discovery_positive": discovery[0],
        "discovery_control": discovery[1],
        "pairs": int(paired_template_numbers(documents.template, documents.positive).max()) + 1,
    }


def _aligned(atlas: Atlas, sae: int, d_sae: int, tables: dict[str, pa.Table], features: np.ndarray) -> Columns:
    """Moments, evidence and clusters of the tested features, NaN where unknown."""
    moments = atlas.arrow("SELECT * FROM feature WHERE sae = $sae", {"sae": sae})
    sources = {**dict.fromkeys(MOMENTS, moments), "active_tokens": tables["feature_evidence"]}
    for name in EVIDENCE:
        held = "feature_evidence" if name in tables["feature_evidence"].column_names else "feature_confirmation"
        sources[name] = tables[held]
    columns = {}
    for name, table in sources.items():
        values = np.full(d_sae, np.nan)
        values[table["feature"].to_numpy()] = table[name].cast(pa.float64()).to_numpy()
        columns[name] = values[features]
    columns["cluster"] = _clusters(atlas, sae, d_sae)[features]
    return columns


def _clusters(atlas: Atlas, sae: int, d_sae: int) -> np.ndarray:
    """Features that write in nearly the same direction together; each by itself where neighbours are not known."""
    sql = "SELECT feature, other_feature FROM feature_neighbour WHERE sae = $sae AND cosine > $near"
    near = atlas.arrow(sql, {"sae": sae, "near": NEAR})
    return correlated_clusters(near["feature"].to_numpy(), near["other_feature"].to_numpy(), d_sae)


def _rows(columns: Columns, kept: np.ndarray) -> Columns:
    return {name: values[kept] for name, values in columns.items()}


def _joined(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _table(columns: Columns) -> pa.Table:
    """Columns as Arrow; NaN is NULL."""
    arrays = {}
    for name, values in columns.items():
        unknown = ~np.isfinite(values) if values.dtype.kind == "f" else None
        arrays[name] = pa.array(values, mask=unknown)
    return pa.table(arrays)
