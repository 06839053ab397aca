"""Planted figures of the tiny atlas' SAEs: counts as its rows give them, entropies and cosines round."""

import math
from typing import Any

Row = dict[str, Any]

READ = ((0, 0, 6), (0, 1, 6), (0, 2, 2), (1, 0, 6))
"""SAE, corpus, and how many of its documents were read: of the last corpus, a part."""


def quality_rows(documents: list[Row], contexts: list[Row], activations: list[Row], d_sae: int) -> list[Row]:
    """Rows of sae_quality; the second SAE costs the model more than zeros in its place."""
    rows = []
    for sae, corpus, read in READ:
        chosen = {row["document"] for row in [row for row in documents if row["corpus"] == corpus][:read]}
        windows = {row["context"]: row["tokens"] for row in contexts if row["document"] in chosen}
        fired = [row["feature"] for row in activations if row["sae"] == sae and row["context"] in windows]
        counts = {"l0": len(fired) / sum(windows.values()), "dead_share": 1 - len(set(fired)) / d_sae}
        rows.append(_quality(sae, corpus, read, sum(windows.values())) | counts)
    return rows


def _quality(sae: int, corpus: int, read: int, tokens: int) -> Row:
    clean, zero = 3.0 + corpus / 4, 11.0 + corpus / 4
    lost = 8.5 if sae else 0.5 * (corpus + 1)
    return {
        "sae": sae,
        "corpus": corpus,
        "ingest_run": 0,
        "documents": read,
        "tokens": tokens,
        "explained_variance": -0.25 if sae else 0.875 - corpus / 8,
        "predicted_tokens": tokens,
        "ce_clean": clean,
        "ce_sae": clean + lost,
        "ce_zero": zero,
        "ce_recovered": (zero - clean - lost) / (zero - clean),
        "ce_rise": lost,
        "ce_uniform": math.log(200),
        "ce_recovered_uniform": (math.log(200) - clean - lost) / (math.log(200) - clean),
    }


def opposite_rows(saes: int, features: int) -> list[Row]:
    """The features across the circle of `neighbour_rows`; of two as far, the lower index comes first."""
    rows = []
    for sae in range(saes):
        for feature in range(features):
            far = sorted((abs(step), (feature + features // 2 + step) % features) for step in (-1, 0, 1))
            for rank, (steps, other) in enumerate(far, start=1):
                cosine = -1 + steps / 4 + sae / 8
                rows.append({"sae": sae, "feature": feature, "rank": rank, "other_feature": other, "cosine": cosine})
    return rows


def neighbour_rows(saes: int, features: int) -> list[Row]:
    """Features as if on a circle: the nearest are beside them; of two as near, the lower index comes first."""
    rows = []
    for sae in range(saes):
        for feature in range(features):
            near = sorted((abs(step), (feature + step) % features) for step in (-2, -1, 1, 2))
            for rank, (steps, other) in enumerate(near, start=1):
                cosine = 1 - steps / 4 - sae / 8
                rows.append({"sae": sae, "feature": feature, "rank": rank, "other_feature": other, "cosine": cosine})
    return rows
