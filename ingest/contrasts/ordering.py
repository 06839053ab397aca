"""The order of the candidates: features of meaning before dense ones of style, by the labels of one half."""

import numpy as np
from jaxtyping import Float, Int

from ingest.contrasts.figures import Columns

TELLS_APART = 0.65
"""AUROC on the discovery half from which on a feature is ordered by its words."""


def places(contrast: Columns, confirmation: Columns, lifts: Columns) -> Int[np.ndarray, " n_features"]:
    """The place of each feature, from 1; rows of `contrast` and `confirmation` are aligned.

    Those that tell the documents of the discovery half apart come first, the ones whose words belong most surely to
    the positive side before the others; then the rest by AUROC, of equal ones that of the smaller p over all
    documents. Where the halves are too small, AUROC is that of all.
    """
    known = confirmation["auroc_discovery"]
    auroc = np.where(np.isfinite(known), known, contrast["auroc"])
    words = np.where(auroc >= TELLS_APART, _on_discovery(lifts, contrast["feature"]), -np.inf)
    order = np.lexsort((contrast["feature"], contrast["p"], -auroc, -words))
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(1, len(order) + 1)
    return place


def _on_discovery(lifts: Columns, feature: Int[np.ndarray, " n_features"]) -> Float[np.ndarray, " n_features"]:
    """The lower end of word_lift on the discovery half, or word_lift where too few groups give none; 0 if untested."""
    held = np.zeros(int(feature.max(initial=0)) + 1)
    chosen = lifts["part"] == "discovery"
    low, value = lifts["word_lift_low"][chosen], lifts["word_lift"][chosen]
    held[lifts["feature"][chosen]] = np.nan_to_num(np.where(np.isfinite(low), low, value), posinf=np.inf)
    found: Float[np.ndarray, " n_features"] = held[feature]
    return found
