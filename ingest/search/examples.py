"""Two boxes of example sentences, positive and negative: features by how well their maxima tell the boxes apart.

The AUROC counts ties half. p is Fisher's, on fires / does not fire, exact however few the sentences; q is the
false-discovery rate over all features that fire in either box, those of several SAEs together. A few sentences suggest
and prove nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Int

from ingest.statistics.fisher import fisher_exact
from ingest.statistics.rank_sum import benjamini_hochberg, rank_sum

FEW = 5
"""Sentences a box needs for more than a hint."""


@dataclass(frozen=True)
class Maxima:
    """What features reach in sentences; a feature that is silent in a sentence has no row.

    Shapes: feature, sentence, activation (row,).
    """

    feature: Int[np.ndarray, " row"]
    sentence: Int[np.ndarray, " row"]
    activation: Float[np.ndarray, " row"]


def example_maxima(activations: pa.Table, owner: Int[np.ndarray, " window"]) -> Maxima:
    """The largest activation of each feature in each sentence; `owner` says which sentence a window is of."""
    feature = activations["feature"].to_numpy().astype(np.int64)
    sentence = owner[activations["window"].to_numpy()]
    pairs = feature * (int(owner.max(initial=0)) + 1) + sentence
    known, place = np.unique(pairs, return_inverse=True)
    largest = np.zeros(len(known))
    np.maximum.at(largest, place, activations["activation"].to_numpy())
    return Maxima(known // (int(owner.max(initial=0)) + 1), known % (int(owner.max(initial=0)) + 1), largest)


def features_told_apart(maxima: Maxima, positive: Bool[np.ndarray, " sentence"]) -> pa.Table:
    """A row a feature that fires, the best first: AUROC, p, and in how many sentences of each box it fires.

    Raises:
        ValueError: a box is empty.
    """
    numbers, feature = np.unique(maxima.feature, return_inverse=True)
    above = positive[maxima.sentence]
    sides = int(positive.sum()), int((~positive).sum())
    areas = rank_sum(feature, maxima.activation, above, sides, len(numbers)).auroc
    fires = np.bincount(feature, minlength=len(numbers))
    hits = np.bincount(feature[above], minlength=len(numbers))
    p = fisher_exact(hits, fires - hits, sides)
    rows = {
        "feature": numbers,
        "auroc": areas,
        "p": p,
        "fires_positive": hits,
        "fires_negative": fires - hits,
        "mean_positive": _mean(feature, maxima.activation * above, sides[0], len(numbers)),
        "mean_negative": _mean(feature, maxima.activation * ~above, sides[1], len(numbers)),
    }
    order = np.lexsort((numbers, rows["mean_negative"] - rows["mean_positive"], p, -areas))
    return pa.table({name: column[order] for name, column in rows.items()})


def rank_features_of_saes(of_each: Sequence[pa.Table]) -> pa.Table:
    """The features of several SAEs in one order, the best first, each with its SAE's place in `of_each`, and with q."""
    places = np.repeat(np.arange(len(of_each)), [len(rows) for rows in of_each])
    rows = pa.concat_tables(of_each).add_column(0, "sae", pa.array(places))
    p, areas = rows["p"].to_numpy(), rows["auroc"].to_numpy()
    rows = rows.add_column(rows.column_names.index("p") + 1, "q", pa.array(benjamini_hochberg(p)))
    return rows.take(np.lexsort((np.arange(len(rows)), p, -areas)))


def _mean(
    feature: Int[np.ndarray, " row"], activation: Float[np.ndarray, " row"], sentences: int, n_features: int
) -> Float[np.ndarray, " n_features"]:
    mean: Float[np.ndarray, " n_features"] = np.bincount(feature, activation, n_features) / sentences
    return mean


def few_sentences_warning(positive: int, negative: int) -> str | None:
    """What to be told where a box holds too few sentences."""
    if min(positive, negative) >= FEW:
        return None
    return f"{positive} positive and {negative} negative sentences are too few to test; {FEW} of each are needed"
