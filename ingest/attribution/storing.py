"""Explanations as rows: found again by their identity, stored a prompt at a time."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Table

from ingest.attribution.prompts import Prompt
from ingest.attribution.questions import Answer, Asked
from ingest.attribution.request import Method, Question
from ingest.attribution.study_filter import term_rank, value_ranks
from ingest.attribution.subject import Subject
from ingest.models.identity import canonical, model_config, sae_config
from ingest.rows.sae_keys import Keys
from schema import tables
from schema.store import Atlas

REVISION = 1
"""Raised when the values change for the same arguments, so that stored ones are computed again."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Explained:
    """An answer about a prompt, under the identity it is stored by."""

    prompt: Prompt
    identity: str
    answer: Answer


@dataclass(frozen=True)
class Asking:
    """What all explanations of a job share."""

    question: Question
    method: Method
    subject: Subject
    keys: Keys
    baseline: np.ndarray | None = None

    def identity(self, prompt: Prompt, asked: Asked) -> str:
        """A hash of all that the values depend on; the study's rule is run beside them."""
        subject = self.subject
        parts: Sequence[object] = [
            REVISION,
            self.question,
            subject.model.weights_sha256,
            asdict(subject.model.processing),
            canonical(model_config(subject.model)),
            subject.sae.weights_sha256 if self.question != "token" else None,
            canonical(sae_config(subject.sae, subject.model)) if self.question != "token" else None,
            [subject.bos, *prompt.token_ids.tolist()],
            [prompt.document, prompt.ordinal],
            asdict(asked),
            asdict(replace(self.method, study=False)),
            hashlib.sha256(self.baseline.tobytes()).hexdigest() if self.baseline is not None else None,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def stored(atlas: Atlas, identities: Iterable[str]) -> dict[str, int]:
    """The explanations among these that the atlas holds, with their errors: identity -> key."""
    return dict(atlas.rows(f"{_KNOWN} AND NOT {_FORGOTTEN}", [list(identities)]))


_KNOWN = "SELECT identity, explanation FROM explanation AS e WHERE identity IN (SELECT UNNEST($1))"
_FORGOTTEN = """(
    estimator = 'permutation'
    AND evaluations > 2 * players
    AND (
        EXISTS (FROM token_attribution AS t WHERE t.explanation = e.explanation AND t.standard_error IS NULL)
        OR EXISTS (FROM feature_attribution AS f WHERE f.explanation = e.explanation AND f.standard_error IS NULL)
    )
)"""
"""Values of several pairs whose errors, by an older rule, a migration has set to NULL. A single pair has none."""


def store(atlas: Atlas, asking: Asking, explained: Sequence[Explained], run: int) -> list[int]:
    """Append explanations with their values, or renew their errors; to be called inside a transaction. Their keys."""
    known = dict(atlas.rows(_KNOWN, [[one.identity for one in explained]]))
    fresh = [one for one in explained if one.identity not in known]
    first = atlas.next_key(tables.explanation)
    keys = known | {one.identity: first + number for number, one in enumerate(fresh)}
    rows: dict[str, list[Row]] = {name: [] for name in _TABLES}
    for one in explained:
        key, (table, players) = keys[one.identity], _players(asking, one)
        if one.identity in known:
            _renew_errors(atlas, _TABLES[table], key, list(players))
            continue
        rows["explanation"].append({"explanation": key, "ingest_run": run} | _explanation(asking, one))
        rows[table] += [{"explanation": key} | player for player in players]
        rows["prompt_filter"] += [{"explanation": key} | row for row in _filter_rows(asking, one)]
    for name, found in rows.items():
        if found:
            atlas.append(_TABLES[name], pa.Table.from_pylist(found))
    return [keys[one.identity] for one in explained]


def _players(asking: Asking, one: Explained) -> tuple[str, Iterable[Row]]:
    """The table of an explanation's players, and their rows."""
    if one.answer.parts is not None:
        return "feature_attribution", _feature_rows(asking, one)
    return "token_attribution", _token_rows(asking, one)


def _renew_errors(atlas: Atlas, table: Table, key: int, players: Sequence[Row]) -> None:
    """Give the values of an explanation their standard errors."""
    place = list(table.primary_key.columns)[1].name
    errors = pa.table({name: [player[name] for player in players] for name in (place, "standard_error")})
    with atlas.registered(renewed=errors):
        atlas.rows(
            f"""
            UPDATE {table.name}
            SET standard_error = renewed.standard_error
            FROM renewed
            WHERE {table.name}.explanation = $1
              AND {table.name}.{place} = renewed.{place}
            """,
            [key],
        )


_TABLES = {
    table.name: table
    for table in (tables.explanation, tables.token_attribution, tables.feature_attribution, tables.prompt_filter)
}


def _explanation(asking: Asking, one: Explained) -> Row:
    asked, estimate, prompt = one.answer.asked, one.answer.estimate, one.prompt
    target = None if asked.target_id is None else asking.subject.text_of(asked.target_id)
    return {
        "question": asking.question,
        "model": asking.keys.model,
        "sae": None if asking.question == "token" else asking.keys.sae,
        "feature": asked.feature,
        "document": prompt.document,
        "ordinal": prompt.ordinal,
        "text": prompt.text,
        "tokens": len(prompt),
        "output": asked.output,
        "target_id": asked.target_id,
        "target": target,
        "position": asked.position,
        "every_position": asked.every_position,
        "baseline": "ellipsis" if estimate.estimator == "partition" else asking.method.baseline,
        "estimator": estimate.estimator,
        "players": len(estimate.values),
        "evaluations": estimate.evaluations,
        "base_value": float(estimate.base[0]),
        "full_value": float(estimate.full[0]),
        "residual": float(estimate.residual[0]),
        "identity": one.identity,
    }


def _values(one: Explained) -> Iterable[Mapping[str, float | int | None]]:
    estimate = one.answer.estimate
    values = estimate.values[:, 0]
    errors = [None] * len(values) if estimate.standard_error is None else estimate.standard_error[:, 0].tolist()
    for value, error, rank in zip(values.tolist(), errors, value_ranks(values).tolist(), strict=True):
        yield {"value": value, "standard_error": error, "rank": rank}


def _token_rows(asking: Asking, one: Explained) -> Iterable[Row]:
    """A row a token; a prompt read at a position has none for those after it, which it cannot depend on."""
    prompt, first = one.prompt, int(asking.subject.bos is not None)
    columns = (prompt.token_ids.tolist(), prompt.char_start.tolist(), prompt.char_end.tolist())
    for number, values in enumerate(_values(one)):
        token_id, char_start, char_end = (column[number] for column in columns)
        text = asking.subject.text_of(token_id)
        place = {"position": first + number, "token_id": token_id, "text": text}
        yield {**place, "char_start": char_start, "char_end": char_end, **values}


def _feature_rows(asking: Asking, one: Explained) -> Iterable[Row]:
    parts, answer = one.answer.parts, one.answer
    assert parts is not None
    assert answer.activation_gradient is not None
    assert answer.integrated_gradients is not None
    features = [*parts.features.tolist(), None]
    activations = [*parts.activations.tolist(), None]
    for player, values in enumerate(_values(one)):
        yield {
            "player": player,
            "sae": asking.keys.sae,
            "feature": features[player],
            "activation": activations[player],
            **values,
            "activation_gradient": float(answer.activation_gradient[player]),
            "integrated_gradients": float(answer.integrated_gradients[player]),
        }


def _filter_rows(asking: Asking, one: Explained) -> Iterable[Row]:
    """The rank of the document's term among the tokens, where it names one inside this window."""
    prompt = one.prompt
    if asking.question != "token" or prompt.term is None:
        return
    values = one.answer.estimate.values[:, 0]
    rank = term_rank(values, prompt.char_start, prompt.char_end, (prompt.term.start, prompt.term.end))
    if rank is not None:
        yield {"term": prompt.term.text, "rank": rank, "study_tokens": None, "study_kept": None}
