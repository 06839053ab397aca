"""Steered prompts as rows: found again by their identity, stored a prompt at a time."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from ingest.attribution.prompts import Prompt
from ingest.circuits.effects.next_token import Moved
from ingest.circuits.effects.steering_study import Effect, Question, Steered
from ingest.circuits.tracer import Tracer
from ingest.models.spelling import token_text
from schema import tables
from schema.methods import method_revision
from schema.store import Atlas

Row = dict[str, Any]


def steering_identity(tracer: Tracer, question: Question, prompt: Prompt) -> str:
    """A hash of all that a steered prompt depends on."""
    steering, sampling = question.steering, question.sampling
    parts: list[object] = [
        method_revision("steering"),
        tracer.identity,
        [steering.feature, steering.kind, steering.positions],
        [question.unit, question.doses, question.controls, question.words, question.new_tokens],
        [sampling.temperature, sampling.top_k, sampling.seed],
        [prompt.document, *prompt.token_ids.tolist()],
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def stored_steering(atlas: Atlas, identity: str) -> int | None:
    """The key of the steered prompt with this identity, if the atlas holds it."""
    rows = atlas.rows("SELECT steering FROM steering WHERE identity = ?", [identity])
    return int(rows[0][0]) if rows else None


def store_steering(atlas: Atlas, tracer: Tracer, question: Question, found: Steered, run: int) -> int:
    """Append a steered prompt and its effects; to be called inside a transaction. Its key."""
    key = atlas.next_key(tables.steering)
    own = {"steering": key, "ingest_run": run, **_own(tracer, question, found)}
    atlas.append(tables.steering, pa.Table.from_pylist([own]))
    rows = [{"steering": key, **_effect(tracer, effect)} for effect in found.effects]
    atlas.append(tables.steering_effect, pa.Table.from_pylist(rows))
    return key


def _own(tracer: Tracer, question: Question, found: Steered) -> Row:
    steering, sampling = question.steering, question.sampling
    return {
        "sae": tracer.keys[0].sae,
        "feature": steering.feature,
        "kind": steering.kind,
        "positions": None if steering.positions is None else json.dumps(steering.positions),
        "document": found.prompt.document,
        "text": found.prompt.text,
        "unit": question.unit,
        "activation": found.activation,
        "next_tokens": _json([token_text(tracer.model, number), before] for number, before, _ in found.next_tokens),
        "words": _json(token_text(tracer.model, number) for number in question.words),
        "words_probability": found.words_probability,
        "temperature": sampling.temperature,
        "seed": sampling.seed,
        "continuation": found.continuation,
        "random_features": len(question.controls),
        "identity": steering_identity(tracer, question, found.prompt),
    }


def _effect(tracer: Tracer, effect: Effect) -> Row:
    return {
        "dose": effect.dose,
        "random": effect.control,
        "sae": tracer.keys[0].sae,
        "feature": effect.direction,
        "kl": effect.divergence,
        "kl_rank": effect.divergence_rank,
        "words_probability": effect.words_probability,
        "words_rank": effect.words_rank,
        "activation": effect.activation,
        "raised": _moved(tracer, effect.raised),
        "lowered": _moved(tracer, effect.lowered),
        "words": _moved(tracer, effect.words) if effect.control == 0 else None,
        "continuation": effect.continuation,
    }


def _moved(tracer: Tracer, moved: Moved) -> str:
    return _json([token_text(tracer.model, number), before, after] for number, before, after in moved)


def _json(values: Iterable[object]) -> str:
    return json.dumps(list(values), ensure_ascii=False)
