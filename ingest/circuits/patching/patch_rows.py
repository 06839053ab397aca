"""Patched pairs as rows: found again by their identity, stored a pair at a time."""

import hashlib
import json
import math
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from ingest.attribution.prompts import Prompt
from ingest.circuits.patching.metrics import FeatureMetric, LogitMetric, Metric
from ingest.circuits.patching.patch_study import PatchedPair
from ingest.circuits.patching.prompt_pairs import PromptPair
from ingest.circuits.patching.sites import Site
from ingest.circuits.tracer import Tracer
from ingest.models.hook_points import hook_kind
from ingest.models.spelling import token_text
from schema import tables
from schema.methods import method_revision
from schema.store import Atlas

Row = dict[str, Any]


def pair_identity(tracer: Tracer, metric: Metric, pair: PromptPair) -> str:
    """A hash of all that a patched pair depends on."""
    parts: list[object] = [
        method_revision("patching"),
        tracer.identity,
        metric.name,
        metric.position,
        list(_read(metric).values()),
        [[prompt.document, *prompt.token_ids.tolist()] for prompt in (pair.clean, pair.corrupted)],
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def stored_pairs(atlas: Atlas, identities: Iterable[str]) -> dict[str, int]:
    """The pairs among these that the atlas holds: identity -> key."""
    sql = "SELECT identity, patch_pair FROM patch_pair WHERE identity IN (SELECT UNNEST($1)) ORDER BY patch_pair"
    return dict(atlas.rows(sql, [list(identities)]))


def store_pair(atlas: Atlas, tracer: Tracer, identity: str, found: PatchedPair, run: int) -> int:
    """Append a patched pair; to be called inside a transaction. Its key."""
    key = atlas.next_key(tables.patch_pair)
    own = {"patch_pair": key, "ingest_run": run, "identity": identity, **_pair_row(tracer, found)}
    atlas.append(tables.patch_pair, pa.Table.from_pylist([own]))
    rows = [{"patch_pair": key, **row} for row in _effect_rows(tracer, found)]
    atlas.append(tables.patch_effect, pa.Table.from_pylist(rows))
    return key


def _pair_row(tracer: Tracer, found: PatchedPair) -> Row:
    pair, metric = found.pair, found.metric
    of_feature = isinstance(metric, FeatureMetric)
    read = _read(metric)
    return {
        "model": tracer.keys[0].model,
        "metric": metric.name,
        "sae": tracer.keys[0].sae if of_feature else None,
        **read,
        **{name: _text(tracer, read[f"{name}_id"]) for name in ("target", "against")},
        "template": pair.template,
        "document": pair.clean.document,
        "corrupted_document": pair.corrupted.document,
        "clean_text": pair.clean.text,
        "corrupted_text": pair.corrupted.text,
        "clean_tokens": _tokens(tracer, pair.clean),
        "corrupted_tokens": _tokens(tracer, pair.corrupted),
        "first_position": tracer.tokenization.first_position,
        "position": metric.position,
        "clean_value": found.clean_value,
        "corrupted_value": found.corrupted_value,
        "least_difference": found.least_difference,
        "denoised_agreement": found.denoised.agreement,
        "noised_agreement": found.noised.agreement,
    }


def _read(metric: Metric) -> dict[str, int | None]:
    """Which feature or tokens a metric reads."""
    read: dict[str, int | None] = dict.fromkeys(("feature", "target_id", "against_id"))
    if isinstance(metric, FeatureMetric):
        return read | {"feature": metric.feature}
    assert isinstance(metric, LogitMetric)
    return read | {"target_id": metric.target_id, "against_id": metric.against_id}


def _text(tracer: Tracer, token_id: int | None) -> str | None:
    return None if token_id is None else token_text(tracer.model, token_id)


def _tokens(tracer: Tracer, prompt: Prompt) -> str:
    return json.dumps(
        [token_text(tracer.model, token_id) for token_id in prompt.token_ids.tolist()], ensure_ascii=False
    )


def _effect_rows(tracer: Tracer, found: PatchedPair) -> Iterable[Row]:
    for number, site in enumerate(found.sites):
        row: Row = {"site": number, "kind": _kind(site), "layer": site.layer, "position": site.position}
        row |= {"head": site.head, "feature": site.feature}
        row["sae"] = None if site.sae is None else tracer.keys[site.sae].sae
        for way in ("denoised", "noised"):
            one_way = getattr(found, way)
            effect = float(one_way.effects[number])
            row |= {
                way: float(one_way.values[number]),
                f"{way}_effect": effect if math.isfinite(effect) else None,
                f"{way}_estimate": float(one_way.estimates[number]),
            }
        yield row


def _kind(site: Site) -> str:
    """The hook point's kind without what all of them begin with: resid_pre, z, attn_out, mlp_out."""
    return "feature" if site.feature is not None else hook_kind(site.hook_name).rpartition("hook_")[2]
