"""Everything that is stored of an association for one SAE, computed a range of features at a time."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ingest.contrasts.associations.effect_columns import (
    UNKNOWN,
    ClassFigures,
    Targets,
    finished_class_associations,
    finished_target_associations,
)
from ingest.contrasts.associations.question import Asked
from ingest.contrasts.associations.shuffled_p import Exchange, correct_associations
from ingest.contrasts.feature_columns import MIN_DOCUMENTS, Columns, contrast_column_q, features_tested
from ingest.contrasts.scores import Scores, Unit, read_score_chunks
from ingest.statistics.association import kruskal_wallis, rank_correlation, ranks_of
from ingest.statistics.bootstrap import RESAMPLES
from ingest.statistics.groups import MIN_GROUPS
from ingest.statistics.permutation import Tails
from ingest.statistics.shuffles import Rows
from schema.store import Atlas

MOST_WEIGHTS = 10_000_000
LEAST_RESAMPLES = 200


@dataclass(frozen=True)
class Figures:
    """The rows of each table by its name, without their keys, and the figures of sae_association."""

    tables: dict[str, pa.Table]
    summary: dict[str, float | int]


class Ranges:
    """What is taken in of one range of features after the other."""

    def __init__(self, asked: Asked, names: tuple[str, ...], shuffles: int, tests: int) -> None:
        self.asked, self.names = asked, names
        resamples = max(LEAST_RESAMPLES, min(RESAMPLES, MOST_WEIGHTS // max(1, len(asked.label))))
        self.figures = ClassFigures(asked, resamples) if asked.n_classes else Targets(asked, resamples)
        self.exchange, self.half = Exchange(asked, shuffles, tests), asked.half(confirmation=False)
        self.discovers = len(np.unique(self.half.label)) > 1 and self.half.groups >= MIN_GROUPS
        self.exchange_half = Exchange(self.half, shuffles, tests) if self.discovers else None
        self.parts: defaultdict[str, list[Columns]] = defaultdict(list)
        self.tails: list[Tails] = []

    def add(self, scores: Scores) -> None:
        """Take in a range of features."""
        firing, found = scores.firing, self.exchange.p(scores)
        fires = np.bincount(firing.feature, minlength=len(scores))
        alone = scores.within_half(confirmation=False)
        discovered = np.full(len(scores), np.nan)
        if self.exchange_half is not None:
            discovered = self.exchange_half.p(alone).p
        columns = {
            "feature": np.asarray(scores.features, dtype=np.int32),
            "fires": fires.astype(np.int32),
            "p": found.p,
            "p_discovery": discovered,
            "fires_discovery": np.bincount(alone.firing.feature, minlength=len(scores)),
            **self.figures.columns(scores),
        }
        self.parts["features"].append({name: values[fires > 0] for name, values in columns.items()})
        self.tails.append(found.tails._replace(feature=found.tails.feature + scores.features.start))
        if isinstance(self.figures, ClassFigures):
            self.parts["feature_class"].append(self.figures.rows(scores, features_tested(scores), self.names))

    def tables(self, shuffles: int) -> dict[str, pa.Table]:
        """The rows of every table of features, q and places by all of them."""
        joined = {
            name: {column: np.concatenate([part[column] for part in parts]) for column in parts[0]}
            for name, parts in self.parts.items()
        }
        columns = joined.pop("features")
        chosen = columns["fires"] >= MIN_DOCUMENTS
        tails = Tails(*(np.concatenate(column) for column in zip(*self.tails, strict=True)))
        more, null = correct_associations(columns, chosen, tails, shuffles)
        known = np.isfinite(columns["p_discovery"]) & (columns.pop("fires_discovery") >= MIN_DOCUMENTS)
        columns |= more | {"q_discovery": contrast_column_q(columns["p_discovery"], known)}
        by_kind = finished_class_associations if self.asked.n_classes else finished_target_associations
        name = "feature_classes" if self.asked.n_classes else "feature_target"
        tables = {name: _table(columns | by_kind(columns, chosen)), "association_null": null}
        return tables | {name: _table(rows) for name, rows in joined.items()}


def compute_figures(
    atlas: Atlas, sae: tuple[int, int], asked: Asked, names: tuple[str, ...], plan: tuple[Unit, int]
) -> Figures:
    """Every figure of an association for an SAE, given with its number of features; `plan` is unit and shuffles."""
    (key, d_sae), (unit, shuffles), documents = sae, plan, asked.documents
    ranges = Ranges(asked, names, shuffles, _tests(atlas, key, asked, unit))
    for scores in read_score_chunks(atlas, key, d_sae, documents, unit):
        ranges.add(scores)
    tables = ranges.tables(shuffles)
    tables["association_document"] = _documents(asked)
    held = tables["feature_classes" if asked.n_classes else "feature_target"]
    length = documents.length.astype(float)
    summary = {
        "documents_compared": len(documents),
        "groups_compared": len(np.unique(documents.group)),
        "groups_mixed": ranges.exchange.mixed,
        "groups_discovery": ranges.half.groups,
        "groups_confirmation": asked.half(confirmation=True).groups,
        "features_tested": int((held["fires"].to_numpy() >= MIN_DOCUMENTS).sum()),
        "length_effect": _effect(length, asked),
        "length_p": ranges.exchange.p_of(length),
    }
    return Figures(tables, summary)


def _tests(atlas: Atlas, sae: int, asked: Asked, unit: Unit) -> int:
    """How many features will be tested."""
    score = {"document": "max_activation", "window": "window_max"}[unit]
    with atlas.registered(chosen=pa.table({"document": asked.documents.key})):
        rows = atlas.rows(
            f"""
            SELECT COUNT(*)
            FROM (
              SELECT feature
              FROM feature_document
              SEMI JOIN chosen USING (document)
              WHERE sae = ?
                AND {score} > 0
              GROUP BY feature
              HAVING COUNT(*) >= ?
            )
            """,
            [sae, MIN_DOCUMENTS],
        )
    return max(1, int(rows[0][0]))


def _effect(values: np.ndarray, asked: Asked) -> float:
    """What one number of each document, above 0, has to do with the label."""
    rows = Rows(np.zeros(len(values), dtype=np.int64), np.arange(len(values)), values)
    ranks = ranks_of(rows, len(values), 1)
    if asked.n_classes:
        return float(kruskal_wallis(ranks, asked.label, asked.n_classes).epsilon_squared[0])
    return float(rank_correlation(ranks, asked.label)[0])


def _documents(asked: Asked) -> pa.Table:
    documents, n = asked.documents, len(asked.label)
    label = asked.label
    return pa.table(
        {
            "document": documents.key,
            "value": pa.nulls(n, pa.float64()) if asked.n_classes else label,
            "class": label.astype(np.int16) if asked.n_classes else pa.nulls(n, pa.int16()),
            "split": np.where(documents.confirmation, "confirmation", "discovery").astype(object),
            "tokens": documents.length.astype(np.int32),
        }
    )


def _table(columns: Columns) -> pa.Table:
    """Columns as Arrow; NaN, and -1 of `confirmed` and `best_class`, are NULL."""
    arrays = {}
    for name, values in columns.items():
        if name in ("confirmed", "best_class"):
            kind = pa.bool_() if name == "confirmed" else pa.int16()
            arrays[name] = pa.array(values, mask=values == UNKNOWN).cast(kind)
        else:
            arrays[name] = pa.array(values, mask=~np.isfinite(values) if values.dtype.kind == "f" else None)
    return pa.table(arrays)
