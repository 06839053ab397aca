"""Random features to hold an effect against: alive, and as dense and as long as the feature that is asked about.

The nearest in density and decoder length are the pool, a seed draws among them. Density is that on all that the SAE
has read in the atlas; a feature that has never fired there is held against others that never have.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from schema.errors import SelectionError
from schema.store import Atlas

CONTROLS = 20
POOL = 5
"""Features in the pool for each that is drawn."""


@dataclass(frozen=True)
class Matching:
    """What features are matched by.

    Shapes: feature, density, norm (feature,).
    """

    feature: Int[np.ndarray, " feature"]
    density: Float[np.ndarray, " feature"]
    norm: Float[np.ndarray, " feature"]


def read_features_to_draw_controls(atlas: Atlas, sae: int) -> Matching:
    """Every feature of an SAE."""
    rows = atlas.arrow(
        """
        SELECT f.feature, COALESCE(fired.tokens, 0) / GREATEST(read.tokens, 1) AS density, f.decoder_norm AS norm
        FROM feature AS f
        LEFT JOIN (
          SELECT feature, SUM(active_tokens) AS tokens
          FROM feature_corpus
          WHERE sae = $sae
          GROUP BY feature
        ) AS fired USING (feature)
        CROSS JOIN (SELECT COALESCE(SUM(tokens), 0) AS tokens FROM sae_corpus WHERE sae = $sae) AS read
        WHERE f.sae = $sae
        ORDER BY f.feature
        """,
        {"sae": sae},
    )
    feature, *figures = (rows[name].to_numpy() for name in ("feature", "density", "norm"))
    density, norm = (column.astype(float) for column in figures)
    return Matching(feature, density, norm)


def control_features(matching: Matching, feature: int, wanted: int, seed: int) -> list[int]:
    """Features of nearly equal density and norm, drawn by a seed; fewer where the SAE has fewer that are alive.

    Raises:
        SelectionError: the SAE has no other feature to draw.
    """
    own = int(np.flatnonzero(matching.feature == feature)[0])
    alike = (matching.density > 0) == (matching.density[own] > 0)
    others = np.flatnonzero(alike & (matching.feature != feature))
    if wanted and not len(others):
        raise SelectionError(f"feature {feature} has no other of its SAE to be held against; ask for --controls 0")
    apart = _log_apart(matching.density, own, others) + _log_apart(matching.norm, own, others)
    pool = others[np.lexsort((matching.feature[others], apart))][: POOL * wanted]
    drawn = np.random.default_rng([seed, feature]).permutation(len(pool))[:wanted]
    return [int(number) for number in matching.feature[pool[drawn]]]


def _log_apart(values: Float[np.ndarray, " feature"], own: int, others: Int[np.ndarray, " other"]) -> np.ndarray:
    least = np.finfo(float).tiny
    apart: np.ndarray = np.abs(np.log(np.maximum(values[others], least)) - np.log(max(values[own], least)))
    return apart
