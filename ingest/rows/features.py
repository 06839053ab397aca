"""The features of an SAE as rows: their logit weights, what fires on BOS, their nearest neighbours."""

import json
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.families.neighbours import Neighbours, nearest_rows, opposite_rows
from ingest.models.circuit_weights import stream_directions
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from ingest.models.sae_activations import SparseActivations
from ingest.statistics.logit_weights import LogitWeights, logit_weights
from schema import tables
from schema.errors import ModelError
from schema.store import Atlas

log = logging.getLogger(__name__)

MOMENTS = ("logit_mean", "logit_std", "logit_skewness", "logit_kurtosis")
MOST_AT_ONCE = 32_768
"""Features of an SAE whose neighbours are found as it is registered: a third of what its logit weights cost."""


def add_features(
    atlas: Atlas,
    key: int,
    model: LanguageModel,
    sae: SAE,
    known: tuple[Sequence[str], SparseActivations],
    most_at_once: int = MOST_AT_ONCE,
) -> None:
    """Append the features of a new SAE; `known` holds the text of each token id, and what fires on BOS.

    An SAE of more than `most_at_once` features gets their neighbours on demand.

    Raises:
        ModelError: logit weights overflow.
    """
    texts, on_bos = known
    atlas.append(tables.feature, pa.table(_of_decoder(key, sae) | _logit_columns(model, sae, texts)))
    bos = {
        "sae": np.full(len(on_bos), key, np.int16),
        "feature": on_bos.feature,
        "activation": on_bos.activation,
    }
    atlas.append(tables.bos_activation, pa.table(bos))
    if sae.d_sae <= most_at_once:
        store_neighbour_rows(atlas, key, nearest_rows(sae.W_dec), opposite_rows(sae.W_dec))


def store_neighbour_rows(atlas: Atlas, sae: int, nearest: Neighbours, opposite: Neighbours) -> None:
    """Replace the neighbours and the opposites of an SAE's features; to be called inside a transaction."""
    for table, found in ((tables.feature_neighbour, nearest), (tables.feature_opposite, opposite)):
        atlas.rows(f"DELETE FROM {table.name} WHERE sae = ?", [sae])
        atlas.append(table, _ranked(sae, found))


def _ranked(sae: int, found: Neighbours) -> pa.Table:
    known = found.other >= 0
    feature, place = np.nonzero(known)
    columns = {
        "sae": np.full(len(feature), sae, np.int16),
        "feature": feature.astype(np.int32),
        "rank": (place + 1).astype(np.int16),
        "other_feature": found.other[known].astype(np.int32),
        "cosine": found.cosine[known],
    }
    return pa.table(columns)


def lacks_logit_weights(atlas: Atlas, key: int) -> bool:
    """Whether a migration has taken logit weights out, or the shapes of those that vary."""
    sql = """
        SELECT 1
        FROM feature
        JOIN sae USING (sae)
        WHERE sae = ?
          AND logit_weights <> 'none'
          AND (logit_mean IS NULL OR (logit_std > 0 AND logit_kurtosis IS NULL))
        LIMIT 1
    """
    return bool(atlas.rows(sql, [key]))


def renew_logit_weights(atlas: Atlas, key: int, model: LanguageModel, sae: SAE, texts: Sequence[str]) -> None:
    """Compute an SAE's logit weights again, and mark its contrasts, which speak of them; to be called in a transaction.

    Raises:
        ModelError: logit weights overflow.
    """
    log.info("computing the logit weights of %s again", sae.name)
    columns = {"feature": np.arange(sae.d_sae, dtype=np.int32)} | _logit_columns(model, sae, texts)
    with atlas.registered(renewed=pa.table(columns)):
        atlas.rows(
            """
            UPDATE feature
            SET
              logit_mean = renewed.logit_mean,
              logit_std = renewed.logit_std,
              logit_skewness = renewed.logit_skewness,
              logit_kurtosis = renewed.logit_kurtosis,
              top_logits = renewed.top_logits,
              bottom_logits = renewed.bottom_logits
            FROM renewed
            WHERE feature.sae = ?
              AND feature.feature = renewed.feature
            """,
            [key],
        )
    atlas.rows("UPDATE sae_contrast SET documents_hash = '' WHERE sae = ?", [key])


def _of_decoder(key: int, sae: SAE) -> dict[str, Any]:
    sparsity = None if sae.log_sparsity is None else _null_if_infinite(sae.log_sparsity.cpu().numpy())
    return {
        "sae": np.full(sae.d_sae, key, np.int16),
        "feature": np.arange(sae.d_sae, dtype=np.int32),
        "log_sparsity": pa.nulls(sae.d_sae, pa.float32()) if sparsity is None else sparsity,
        "decoder_norm": sae.W_dec.norm(dim=1).cpu().numpy(),
    }


def _logit_columns(model: LanguageModel, sae: SAE, texts: Sequence[str]) -> dict[str, Any]:
    """Moments and extremes of the logit weights; none where the SAE's hook point writes nothing to the stream."""
    directions = stream_directions(model, sae)
    if directions is None:
        unknown, nobody = pa.nulls(sae.d_sae, pa.float32()), pa.array(["[]"] * sae.d_sae)
        return dict.fromkeys(MOMENTS, unknown) | {"top_logits": nobody, "bottom_logits": nobody}
    weights = logit_weights(directions, model.W_U)
    _check_overflow(sae, weights)
    return {
        "logit_mean": weights.mean,
        "logit_std": weights.std,
        "logit_skewness": _null_if_infinite(weights.skewness),
        "logit_kurtosis": _null_if_infinite(weights.kurtosis),
        "top_logits": _named(texts, weights.top_tokens, weights.top_weights),
        "bottom_logits": _named(texts, weights.bottom_tokens, weights.bottom_weights),
    }


def _check_overflow(sae: SAE, weights: LogitWeights) -> None:
    wrong = np.flatnonzero(~np.isfinite(weights.mean + weights.std))
    if len(wrong):
        raise ModelError(f"SAE {sae.name} cannot be used: the logit weights of feature {wrong[0]} overflow")


def _null_if_infinite(values: np.ndarray) -> pa.Array:
    return pa.array(values, mask=~np.isfinite(values))


def _named(texts: Sequence[str], tokens: np.ndarray, weights: np.ndarray) -> pa.Array:
    """JSON lists of [token text, weight] for each feature."""

    def name(token: int) -> str:
        return texts[token] if token < len(texts) else f"<{token}>"

    pairs = zip(tokens.tolist(), weights.tolist(), strict=True)
    return pa.array([json.dumps([[name(t), _rounded(w)] for t, w in zip(*pair, strict=True)]) for pair in pairs])


def _rounded(weight: float) -> float:
    """Four decimals, or four digits where these would be zeros."""
    return round(weight, 4) or float(f"{weight:.4g}")
