"""Models, tokenizations and SAEs, entered into an atlas once.

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

from ingest.models.circuit_weights import way_to_stream
from ingest.models.identity import canonical_settings, model_config, sae_config, sha256_of_parts
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from ingest.models.sae_activations import SparseActivations
from ingest.models.spelling import spell_vocabulary
from ingest.rows.features import MOST_AT_ONCE, add_features, lacks_logit_weights, renew_logit_weights
from ingest.rows.sae_keys import check_sae_hash, sae_keys_if_held, sae_name_with_hash
from schema import tables
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


def register_saes(
    atlas: Atlas,
    model: LanguageModel,
    saes: Sequence[SAE],
    bos: Sequence[SparseActivations],
    most_at_once: int = MOST_AT_ONCE,
) -> Registered:
    """Enter what is missing, in one transaction; an SAE of more features than that gets their neighbours on demand.

    Raises:
        ModelError: an SAE was asked for by a hash that is not its own.
    """
    texts = spell_vocabulary(model.tokenizer)
    known = [sae_keys_if_held(atlas, model, sae) for sae in saes]
    with atlas.transaction():
        model_key = _model(atlas, model)
        tokenization = _tokenization(atlas, model, saes[0], texts)
        keys = []
        for sae, held, on_bos in zip(saes, known, bos, strict=True):
            if held is None:
                log.info("registering %s: %d features", sae.name, sae.d_sae)
                key = _sae(atlas, model, sae, (model_key, tokenization))
                add_features(atlas, key, model, sae, (texts, on_bos), most_at_once)
            else:
                if lacks_logit_weights(atlas, held.sae):
                    renew_logit_weights(atlas, held.sae, model, sae, texts)
                _say_trained_as(atlas, held.sae, sae)
            keys.append(key if held is None else held.sae)
        name_saes(atlas)
    return Registered(tokenization, keys, int(saes[0].prepend_bos), pa.array(texts))


def _model(atlas: Atlas, model: LanguageModel) -> int:
    processing, config = model.processing, model.config
    settings = canonical_settings(model_config(model))
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
    known = {"config": json.loads(settings), "config_sha256": sha256_of_parts(settings)}
    written_before = identity | rest | {"config_sha256": None}
    found = _first(atlas, tables.model, identity | {"config_sha256": known["config_sha256"]})
    if (
        found is None
        and model.precision == "float32"
        and (found := _first(atlas, tables.model, written_before)) is not None
    ):
        atlas.connection.execute(update(tables.model).where(tables.model.c.model == found).values(**known))
    return _add(atlas, tables.model, {**identity, **rest, **known, "name": model.name}) if found is None else found


def _tokenization(atlas: Atlas, model: LanguageModel, sae: SAE, texts: Sequence[str]) -> int:
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


def _sae(atlas: Atlas, model: LanguageModel, sae: SAE, keys: tuple[int, int]) -> int:
    """Add a row, under a hash that no other SAE of its name has."""
    settings = canonical_settings(sae_config(sae, model))
    pins = (sae_name_with_hash(model, sae, digits) for digits in range(6, 65))
    pinned = next(pin for pin in pins if _first(atlas, tables.sae, {"pinned": pin}) is None)
    check_sae_hash(model, sae, pinned)
    row = {
        "release": sae.name.release,
        "sae_id": sae.name.sae_id,
        "model": keys[0],
        "tokenization": keys[1],
        "weights_sha256": sae.weights_sha256,
        "config": json.loads(settings),
        "config_sha256": sha256_of_parts(settings),
        "hook_name": sae.hook_name,
        "hook_layer": sae.hook_layer,
        "architecture": sae.architecture,
        "d_in": sae.d_in,
        "d_sae": sae.d_sae,
        "neuronpedia_id": sae.neuronpedia_id,
        "logit_weights": way_to_stream(sae.hook_name),
        "added_at": datetime.now(UTC).replace(tzinfo=None),
        "pinned": pinned,
        "label": pinned,
        "ordinal": 0,
        "trained_as": sae.trained_as,
    }
    return _add(atlas, tables.sae, row)


def _say_trained_as(atlas: Atlas, key: int, sae: SAE) -> None:
    """Enter it where a row of before version 19 does not say it."""
    if sae.trained_as:
        atlas.rows("UPDATE sae SET trained_as = ? WHERE sae = ? AND trained_as IS NULL", [sae.trained_as, key])


def _first(atlas: Atlas, table: Table, values: dict[str, Any]) -> int | None:
    """The key of a row with these values, if there is one."""
    wanted = (table.c[name].is_(None) if value is None else table.c[name] == value for name, value in values.items())
    found = atlas.connection.execute(select(table.c[table.name]).where(*wanted)).scalar()
    return None if found is None else int(found)


def _add(atlas: Atlas, table: Table, values: dict[str, Any]) -> int:
    key = atlas.next_key(table)
    atlas.connection.execute(insert(table), {table.name: key, **values})
    return key
