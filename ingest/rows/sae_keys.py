"""The keys under which an atlas knows an SAE, its model and its windows: found by what they are, not by their names.

Rows that version 2 wrote do not say with which settings. The first use that finds such a row takes it up if the SAE,
as it is loaded now, gives what is stored: the activations of a few documents, or on BOS alone where it has read none.
Where it gives others, the row stays as it is, and the SAE gets a row of its own: nothing is mixed, and nothing is
encoded again that need not be.
"""

import logging
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import pyarrow as pa

from ingest.encode.batch import BatchEncoder
from ingest.models.identity import canonical_settings, model_config, sae_config, sha256_of_parts
from ingest.models.language_model import LanguageModel
from ingest.models.names import Precision
from ingest.models.sae import SAE
from ingest.models.sae_activations import SparseActivations
from ingest.models.spelling import spell_vocabulary
from ingest.rows.features import lacks_logit_weights, renew_logit_weights
from schema.errors import ModelError, SelectionError
from schema.store import Atlas

log = logging.getLogger(__name__)

DOCUMENTS_COMPARED = 8
SHARE_APART = 0.002
"""Of the activations compared, how many may be others: what is on the edge of the k largest may fall either way."""
TOLERANCE = 1e-3
"""Of an activation, and of the largest; another machine or chunk of rows moves one by less."""

SAME_SAE = """
    FROM sae
    JOIN model USING (model)
    JOIN tokenization USING (tokenization)
    WHERE release = $release
      AND sae_id = $sae_id
      AND sae.weights_sha256 = $weights_sha256
      AND model.weights_sha256 = $model_sha256
      AND center_writing_weights = $center_writing_weights
      AND fold_ln = $fold_ln
      AND center_unembed = $center_unembed
      AND tokenizer_sha256 = $tokenizer_sha256
      AND context_size = $context_size
      AND prepend_bos = $prepend_bos
"""
KNOWN = f"""
    SELECT model, sae, tokenization, pinned
    {SAME_SAE}
      AND sae.config_sha256 = $config_sha256
      AND model.config_sha256 = $model_config_sha256
"""
UNKNOWN = f"""
    SELECT model, sae, tokenization, pinned
    {SAME_SAE}
      AND sae.config_sha256 IS NULL
      AND hook_name = $hook_name
      AND sae.architecture = $architecture
      AND model.n_heads = $n_heads
      AND COALESCE(model.config_sha256, $model_config_sha256) = $model_config_sha256
"""
DIFFERING = """
    SELECT
      COUNT(*) AS compared,
      COUNT(*) FILTER (
        WHERE ABS(a - b) > $tolerance * GREATEST(a, b) + $tolerance * (SELECT MAX(activation) FROM read_now)
      ) AS differing
    FROM (
      SELECT COALESCE(stored.activation, 0) AS a, COALESCE(read_now.activation, 0) AS b
      FROM stored
      FULL JOIN read_now USING (document, ordinal, position, feature)
    )
"""


@dataclass(frozen=True)
class Keys:
    """The keys of a model, an SAE and the windows it reads, and the spelling that always means this SAE."""

    model: int
    sae: int
    tokenization: int
    pinned: str


def sae_keys_if_held(atlas: Atlas, model: LanguageModel, sae: SAE) -> Keys | None:
    """The keys of an SAE as it is loaded; None where the atlas does not hold it. Not to be called in a transaction.

    Raises:
        ModelError: it was asked for by a hash that is another's.
    """
    identity = _identity(model, sae)
    rows = _found(atlas, KNOWN, identity)
    keys = Keys(*rows[0]) if rows else _taken_up(atlas, model, sae, identity)
    if keys:
        check_sae_hash(model, sae, keys.pinned)
    return keys


def required_sae_keys(atlas: Atlas, model: LanguageModel, sae: SAE) -> Keys:
    """The keys of an SAE that the atlas has to hold; logit weights that a migration has taken out are computed again.

    Raises:
        SelectionError: it does not hold this SAE over this model.
        ModelError: it was asked for by a hash that is another's.
    """
    keys = sae_keys_if_held(atlas, model, sae)
    if keys is None:
        precise = "" if model.precision == "float32" else f" --precision {model.precision}"
        raise SelectionError(
            f"{atlas.path} does not hold {sae.name} over {model.name}, as they are now; ingest with it first: "
            f"atlas ingest {atlas.path} SOURCE --sae {sae.name}{precise}"
        )
    if lacks_logit_weights(atlas, keys.sae):
        with atlas.transaction():
            renew_logit_weights(atlas, keys.sae, model, sae, spell_vocabulary(model.tokenizer))
    return keys


def check_sae_hash(model: LanguageModel, sae: SAE, pinned: str) -> None:
    """Raises ModelError where the SAE was asked for by a hash that is not its own."""
    if sae.name.pin and not pinned.endswith(f"@{sae.name.pin}"):
        for precision in get_args(Precision):
            if sae_name_with_hash(replace(model, precision=precision), sae, len(sae.name.pin)).endswith(sae.name.pin):
                raise ModelError(
                    f"{sae.name}@{sae.name.pin} is of a model that runs in {precision}; say --precision {precision}"
                )
        raise ModelError(
            f"{sae.name} is {pinned} now: its weights or settings are others than those of @{sae.name.pin}, which "
            f"cannot be loaded any more; leave the hash away, or put the old files back"
        )


def sae_name_with_hash(model: LanguageModel, sae: SAE, digits: int = 6) -> str:
    """release/sae_id@hash: a spelling that means this SAE for ever."""
    identity = _identity(model, sae)
    parts = [value for name, value in sorted(identity.items()) if name not in ("release", "sae_id")]
    return f"{sae.name}@{sha256_of_parts(*parts)[:digits]}"


def _identity(model: LanguageModel, sae: SAE) -> dict[str, Any]:
    return {
        "release": sae.name.release,
        "sae_id": sae.name.sae_id,
        "weights_sha256": sae.weights_sha256,
        "config_sha256": sha256_of_parts(canonical_settings(sae_config(sae, model))),
        "model_sha256": model.weights_sha256,
        "model_config_sha256": sha256_of_parts(canonical_settings(model_config(model))),
        "center_writing_weights": model.processing.center_writing_weights,
        "fold_ln": model.processing.fold_ln,
        "center_unembed": model.processing.center_unembed,
        "tokenizer_sha256": model.tokenizer_sha256,
        "context_size": sae.context_size,
        "prepend_bos": sae.prepend_bos,
    }


def _found(atlas: Atlas, sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    return atlas.rows(sql, {name: value for name, value in values.items() if f"${name}" in sql})


def _taken_up(atlas: Atlas, model: LanguageModel, sae: SAE, identity: dict[str, Any]) -> Keys | None:
    """A row of version 2 that is this SAE, its settings entered; that version had no precision but float32."""
    if model.precision != "float32":
        return None
    kept = {"hook_name": sae.hook_name, "architecture": sae.architecture, "n_heads": model.config.n_heads}
    for row in _found(atlas, UNKNOWN, identity | kept):
        keys = Keys(*row)
        if not _gives_what_is_stored(atlas, keys.sae, model, sae):
            log.warning("%s gives other activations than those stored of it: it is a new SAE here", sae.name)
            continue
        with atlas.transaction():
            settings = canonical_settings(model_config(model))
            atlas.rows(
                "UPDATE model SET config = ?, config_sha256 = ? WHERE model = ? AND config_sha256 IS NULL",
                [settings, identity["model_config_sha256"], keys.model],
            )
            atlas.rows(
                "UPDATE sae SET config = ?, config_sha256 = ? WHERE sae = ?",
                [canonical_settings(sae_config(sae, model)), identity["config_sha256"], keys.sae],
            )
        return keys
    return None


def _gives_what_is_stored(atlas: Atlas, key: int, model: LanguageModel, sae: SAE) -> bool:
    encoder = BatchEncoder.of(model, [sae], str(sae.W_dec.device))
    documents = atlas.rows(
        """
        SELECT document, text, content_hash
        FROM coverage
        JOIN document USING (document)
        WHERE sae = ?
        ORDER BY contexts, document
        LIMIT ?
        """,
        [key, DOCUMENTS_COMPARED],
    )
    stored = _stored_on_bos(atlas, key), _stored(atlas, key, [row[0] for row in documents])
    read_now = _on_bos(encoder.bos_activations()[0]), _read_now(encoder, documents)
    return all(_alike(atlas, *pair) for pair in zip(stored, read_now, strict=True))


def _alike(atlas: Atlas, stored: pa.Table, read_now: pa.Table) -> bool:
    with atlas.registered(stored=stored, read_now=read_now):
        compared, differing = atlas.rows(DIFFERING, {"tolerance": TOLERANCE})[0]
    return bool(differing <= SHARE_APART * compared)


def _stored_on_bos(atlas: Atlas, key: int) -> pa.Table:
    sql = "SELECT 0 AS document, 0 AS ordinal, 0 AS position, feature, activation FROM bos_activation WHERE sae = $sae"
    return atlas.arrow(sql, {"sae": key})


def _stored(atlas: Atlas, key: int, documents: list[int]) -> pa.Table:
    return atlas.arrow(
        """
        SELECT document, ordinal, position, feature, activation
        FROM activation
        JOIN context USING (context)
        WHERE sae = $sae
          AND list_contains($documents, document)
        """,
        {"sae": key, "documents": documents},
    )


def _on_bos(found: SparseActivations) -> pa.Table:
    nought = np.zeros(len(found), np.int32)
    return _table(nought, nought, nought, found.feature, found.activation)


def _read_now(encoder: BatchEncoder, documents: list[tuple[Any, ...]]) -> pa.Table:
    """Those of the documents, as the model and the SAE give them."""
    keys, texts, hashes = zip(*documents, strict=True) if documents else ((), (), ())
    encoded = encoder.encode(texts, hashes, [[True] * len(documents)])
    places = [(key, place) for key, parts in zip(keys, encoded.windows, strict=True) for place in range(len(parts))]
    document, ordinal = np.asarray(places, np.int32).reshape(-1, 2).T
    found = encoded.activations[0]
    window = found["window"].to_numpy()
    return _table(document[window], ordinal[window], *(found[name] for name in ("position", "feature", "activation")))


def _table(*columns: Any) -> pa.Table:
    return pa.table(dict(zip(("document", "ordinal", "position", "feature", "activation"), columns, strict=True)))
