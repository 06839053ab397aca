"""Models, SAEs and their features, entered into an atlas once.

A model or SAE is found again by its weights and by the settings that change what
it computes; other weights, other settings, or the same SAE over another model,
are another row. Of rows that an older version wrote the settings are not known:
see `ingest.rows.sae_keys`.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Table, insert, select, update

from ingest.encode.sparse import SparseActivations
from ingest.encode.windows import vocabulary
from ingest.jobs.neighbours import MOST_AT_ONCE, store_neighbours
from ingest.models.identity import canonical, model_config, sae_config, sha256
from ingest.models.language_model import LanguageModel
from ingest.models.sae import LoadedSAE
from ingest.rows.sae_keys import check_pin, known_keys, pinned_name
from ingest.statistics.logit_weights import LogitWeights, Mode, logit_weights
from ingest.statistics.neighbours import nearest_rows
from schema import tables
from schema.errors import ModelError
from schema.naming import name_saes
from schema.store import Atlas

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Registered:
    """The keys under which an atlas knows a tokenization and the SAEs that read it.

    vocabulary holds the text of each token id.
    """

    tokenization: int
    saes: list[int]
    first_position: int
    vocabulary: pa.Array


def register(
    atlas: Atlas,
    model: LanguageModel,
    saes: Sequence[LoadedSAE],
    bos: Sequence[SparseActivations],
    logit_mode: Mode = "plain",
) -> Registered:
    """Enter what is missing, in one transaction.

    Raises:
        ModelError: an SAE was asked for by a hash that is not its own.
    """
    texts = vocabulary(model.tokenizer)
    known = [known_keys(atlas, model, sae) for sae in saes]
    with atlas.transaction():
        model_key = _model(atlas, model)
        tokenization = _tokenization(atlas, model, saes[0], texts)
        keys = []
        for sae, held, on_bos in zip(saes, known, bos, strict=True):
            if held is None:
                log.info("registering %s: %d features", sae.name, sae.d_sae)
                key = _sae(atlas, model, sae, (model_key, tokenization), logit_mode)
                _features(atlas, key, sae, logit_weights(sae.W_dec, model.W_U, mode=logit_mode), texts)
                _bos_activations(atlas, key, on_bos)
                if sae.d_sae <= MOST_AT_ONCE:
                    store_neighbours(atlas, key, nearest_rows(sae.W_dec))
            elif atlas.rows(_SHAPELESS, [held.sae]):
                _shapes(atlas, held.sae, logit_weights(sae.W_dec, model.W_U, mode=logit_mode))
            keys.append(key if held is None else held.sae)
        name_saes(atlas)
    return Registered(tokenization, keys, int(saes[0].prepend_bos), pa.array(texts))


def _model(atlas: Atlas, model: LanguageModel) -> int:
    processing, config = model.processing, model.config
    settings = canonical(model_config(model))
    identity = {
        "weights_sha256": model.weights_sha256,
        "center_writing_weights": processing.center_writing_weights,
        "fold_ln": processing.fold_ln,
        "center_unembed": processing.center_unembed,
    }
    rest = {
        "architecture": model.architecture,
        "n_layers": config.n_layers,
        "d_model": config.d_model,
        "n_heads": config.n_heads,
        "n_ctx": config.n_ctx,
        "d_vocab": config.d_vocab,
    }
    known = {"config": json.loads(settings), "config_sha256": sha256(settings)}
    written_before = identity | rest | {"config_sha256": None}
    found = _first(atlas, tables.model, identity | {"config_sha256": known["config_sha256"]})
    if found is None and (found := _first(atlas, tables.model, written_before)) is not None:
        atlas.connection.execute(update(tables.model).where(tables.model.c.model == found).values(**known))
    return _add(atlas, tables.model, {**identity, **rest, **known, "name": model.name}) if found is None else found


def _tokenization(atlas: Atlas, model: LanguageModel, sae: LoadedSAE, texts: Sequence[str]) -> int:
    identity = {
        "tokenizer_sha256": model.tokenizer_sha256,
        "context_size": sae.context_size,
        "prepend_bos": sae.prepend_bos,
    }
    found = _first(atlas, tables.tokenization, identity)
    if found is not None:
        return found
    key = _add(atlas, tables.tokenization, identity | {"tokenizer": model.name})
    rows = {
        "tokenization": np.full(len(texts), key, np.int16),
        "token_id": np.arange(len(texts), dtype=np.int32),
        "text": pa.array(texts),
    }
    atlas.append(tables.vocabulary, pa.table(rows))
    return key


def _sae(atlas: Atlas, model: LanguageModel, sae: LoadedSAE, keys: tuple[int, int], logit_mode: Mode) -> int:
    """Add a row, under a hash that no other SAE of its name has."""
    settings = canonical(sae_config(sae, model))
    pins = (pinned_name(model, sae, digits) for digits in range(6, 65))
    pinned = next(pin for pin in pins if _first(atlas, tables.sae, {"pinned": pin}) is None)
    check_pin(sae, pinned)
    row = {
        "release": sae.name.release,
        "sae_id": sae.name.sae_id,
        "model": keys[0],
        "tokenization": keys[1],
        "weights_sha256": sae.weights_sha256,
        "config": json.loads(settings),
        "config_sha256": sha256(settings),
        "hook_name": sae.hook_name,
        "hook_layer": sae.hook_layer,
        "architecture": sae.architecture,
        "d_in": sae.d_in,
        "d_sae": sae.d_sae,
        "neuronpedia_id": sae.neuronpedia_id,
        "logit_weights": logit_mode,
        "added_at": datetime.now(UTC).replace(tzinfo=None),
        "pinned": pinned,
        "label": pinned,
        "ordinal": 0,
    }
    return _add(atlas, tables.sae, row)


def _first(atlas: Atlas, table: Table, values: dict[str, Any]) -> int | None:
    """The key of a row with these values, if there is one."""
    wanted = (table.c[name].is_(None) if value is None else table.c[name] == value for name, value in values.items())
    found = atlas.connection.execute(select(table.c[table.name]).where(*wanted)).scalar()
    return None if found is None else int(found)


def _add(atlas: Atlas, table: Table, values: dict[str, Any]) -> int:
    key = atlas.next_key(table)
    atlas.connection.execute(insert(table), {table.name: key, **values})
    return key


def _features(atlas: Atlas, key: int, sae: LoadedSAE, weights: LogitWeights, texts: Sequence[str]) -> None:
    wrong = np.flatnonzero(~np.isfinite(weights.mean + weights.std))
    if len(wrong):
        raise ModelError(f"SAE {sae.name} cannot be used: the logit weights of feature {wrong[0]} overflow")
    sparsity = None if sae.log_sparsity is None else _null_if_infinite(sae.log_sparsity.cpu().numpy())
    rows = {
        "sae": np.full(sae.d_sae, key, np.int16),
        "feature": np.arange(sae.d_sae, dtype=np.int32),
        "log_sparsity": pa.nulls(sae.d_sae, pa.float32()) if sparsity is None else sparsity,
        "decoder_norm": sae.W_dec.norm(dim=1).cpu().numpy(),
        "logit_mean": weights.mean,
        "logit_std": weights.std,
        "logit_skewness": _null_if_infinite(weights.skewness),
        "logit_kurtosis": _null_if_infinite(weights.kurtosis),
        "top_logits": _named(texts, weights.top_tokens, weights.top_weights),
        "bottom_logits": _named(texts, weights.bottom_tokens, weights.bottom_weights),
    }
    atlas.append(tables.feature, pa.table(rows))


_SHAPELESS = "SELECT 1 FROM feature WHERE sae = ? AND logit_std > 0 AND logit_kurtosis IS NULL LIMIT 1"
"""A feature whose logit weights vary, and whose shape was forgotten by a migration."""


def _shapes(atlas: Atlas, key: int, weights: LogitWeights) -> None:
    """Compute the shape of logit weights anew."""
    rows = {
        "feature": np.arange(len(weights.std), dtype=np.int32),
        "skewness": _null_if_infinite(weights.skewness),
        "kurtosis": _null_if_infinite(weights.kurtosis),
    }
    with atlas.registered(shape=pa.table(rows)):
        atlas.rows(
            """
            UPDATE feature
            SET logit_skewness = skewness, logit_kurtosis = kurtosis
            FROM shape
            WHERE feature.sae = ?
              AND feature.feature = shape.feature
            """,
            [key],
        )


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


def _bos_activations(atlas: Atlas, key: int, found: SparseActivations) -> None:
    columns = {
        "sae": np.full(len(found), key, np.int16),
        "feature": found.feature,
        "activation": found.activation,
    }
    atlas.append(tables.bos_activation, pa.table(columns))
