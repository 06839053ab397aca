"""Explanations as rows: found again by their identity, stored a prompt at a time."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
from sqlalchemy import Table

from ingest.attribution.answers import Answer, FeatureAnswer
from ingest.attribution.explained_model import Subject
from ingest.attribution.explainer import Explainer
from ingest.attribution.prompts import Prompt
from ingest.attribution.shapley import Estimate
from ingest.attribution.study_filter import study_filter_ranks, study_filter_term_rank
from schema import tables
from schema.store import Atlas

Row = dict[str, Any]


def stored_explanations(atlas: Atlas, identities: Iterable[str]) -> dict[str, int]:
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


def store_explanations(
    atlas: Atlas, explainer: Explainer[Any], prompt: Prompt, answers: Mapping[str, Answer], run: int
) -> list[int]:
    """Append explanations with their values, or renew their errors; to be called inside a transaction. Their keys.

    answers: of the prompt, by identity; run: key of the job's row.
    """
    known = dict(atlas.rows(_KNOWN, [list(answers)]))
    first = atlas.next_key(tables.explanation)
    fresh = [identity for identity in answers if identity not in known]
    keys = known | {identity: first + number for number, identity in enumerate(fresh)}
    rows: dict[str, list[Row]] = {name: [] for name in _TABLES}
    for identity, answer in answers.items():
        key, (table, players) = keys[identity], _players(explainer, prompt, answer)
        if identity in known:
            _renew_errors(atlas, _TABLES[table], key, list(players))
            continue
        own = {"explanation": key, "ingest_run": run, "identity": identity}
        rows["explanation"].append(own | _explanation(explainer, prompt, answer))
        rows[table] += [{"explanation": key} | player for player in players]
        if explainer.question.name == "token":
            rows["prompt_filter"] += [{"explanation": key} | row for row in _filter_rows(prompt, answer)]
    for name, found in rows.items():
        if found:
            atlas.append(_TABLES[name], pa.Table.from_pylist(found))
    return [keys[identity] for identity in answers]


def _players(explainer: Explainer[Any], prompt: Prompt, answer: Answer) -> tuple[str, Iterable[Row]]:
    """The table of an explanation's players, and their rows."""
    if answer.by_feature is not None:
        return "feature_attribution", _feature_rows(explainer.keys.sae, answer.by_feature, answer.estimate)
    return "token_attribution", _token_rows(explainer.subject, prompt, answer.estimate)


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


def _explanation(explainer: Explainer[Any], prompt: Prompt, answer: Answer) -> Row:
    asked, estimate, name = answer.asked, answer.estimate, explainer.question.name
    return {
        **asdict(asked),
        "question": name,
        "model": explainer.keys.model,
        "sae": None if name == "token" else explainer.keys.sae,
        "document": prompt.document,
        "ordinal": prompt.ordinal,
        "text": prompt.text,
        "tokens": len(prompt),
        "target": None if asked.target_id is None else explainer.subject.text_of(asked.target_id),
        "baseline": "ellipsis" if estimate.estimator == "partition" else explainer.question.baseline,
        "estimator": estimate.estimator,
        "players": len(estimate.values),
        "evaluations": estimate.evaluations,
        "base_value": float(estimate.base[0]),
        "full_value": float(estimate.full[0]),
        "residual": float(estimate.residual[0]),
    }


def _values(estimate: Estimate) -> Iterable[Mapping[str, float | int | None]]:
    values = estimate.values[:, 0]
    errors = [None] * len(values) if estimate.standard_error is None else estimate.standard_error[:, 0].tolist()
    for value, error, rank in zip(values.tolist(), errors, study_filter_ranks(values).tolist(), strict=True):
        yield {"value": value, "standard_error": error, "rank": rank}


def _token_rows(subject: Subject, prompt: Prompt, estimate: Estimate) -> Iterable[Row]:
    """A row a token; a prompt read at a position has none for those after it, which it cannot depend on."""
    first = int(subject.bos is not None)
    columns = (prompt.token_ids.tolist(), prompt.char_start.tolist(), prompt.char_end.tolist())
    for number, values in enumerate(_values(estimate)):
        token_id, char_start, char_end = (column[number] for column in columns)
        place = {"position": first + number, "token_id": token_id, "text": subject.text_of(token_id)}
        yield {**place, "char_start": char_start, "char_end": char_end, **values}


def _feature_rows(sae: int, answer: FeatureAnswer, estimate: Estimate) -> Iterable[Row]:
    """A row a feature, and one for the SAE's error, which is no feature's."""
    features = [*answer.parts.features.tolist(), None]
    activations = [*answer.parts.activations.tolist(), None]
    for player, values in enumerate(_values(estimate)):
        yield {
            "player": player,
            "sae": sae,
            "feature": features[player],
            "activation": activations[player],
            **values,
            "activation_gradient": float(answer.activation_gradient[player]),
            "integrated_gradients": float(answer.integrated_gradients[player]),
        }


def _filter_rows(prompt: Prompt, answer: Answer) -> Iterable[Row]:
    """The rank of the document's term among the tokens, where it names one inside this window."""
    if prompt.term is None:
        return
    rank = study_filter_term_rank(answer.estimate.values[:, 0], prompt.char_start, prompt.char_end, prompt.term_span)
    if rank is not None:
        yield {"term": prompt.term, "rank": rank, "study_tokens": None, "study_kept": None}


def explanations_not_filtered(atlas: Atlas, explanations: Iterable[int]) -> list[tuple[int, str]]:
    """The explained prompts among these that name a term, and that the study's rule was not run on: key and text."""
    rows = atlas.rows(
        """
        SELECT explanation, text
        FROM prompt_filter
        JOIN explanation USING (explanation)
        WHERE explanation IN (SELECT UNNEST($1))
          AND study_kept IS NULL
        ORDER BY explanation
        """,
        [list(explanations)],
    )
    return [(int(key), str(text)) for key, text in rows]


def store_explanation_filter(atlas: Atlas, explanation: int, looked_at: Sequence[str], *, kept: bool) -> None:
    """What the study's rule says of a prompt; to be called inside a transaction."""
    sql = "UPDATE prompt_filter SET study_tokens = $2, study_kept = $3 WHERE explanation = $1"
    atlas.duckdb.execute(sql, [explanation, json.dumps(looked_at, ensure_ascii=False), kept])
