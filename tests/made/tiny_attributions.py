"""Planted explanations of the tiny atlas: round values that can be added up by hand."""

from collections import defaultdict
from typing import Any

Row = dict[str, Any]

FILTERED = ((0, True), (1, None), (2, False), (3, True))
"""Documents whose prediction is explained, and what the study's rule said of each."""
FEATURES = ((0, 0, 1), (1, 0, 1), (1, 1, 4))
"""Document, SAE and feature of each explained activation."""
ACTIVE = ((0, (1, 4, 0)), (1, (1, 0)), (3, (1, 10, 4)))
"""Document, and features of the first SAE active where its prediction is explained."""


def attribution_rows(documents: list[Row], tokens: list[Row]) -> dict[str, list[Row]]:
    """Rows of the attribution tables; the windows of these documents have the documents' own keys."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for document, kept in FILTERED:
        _add_tokens(rows, documents[document], tokens, {"question": "token", "sae": None, "feature": None})
        spoken = [row for row in rows["token_attribution"] if row["explanation"] == len(rows["explanation"]) - 1]
        rows["prompt_filter"].append(_filtered(documents[document], spoken, kept))
    for document, sae, feature in FEATURES:
        _add_tokens(rows, documents[document], tokens, {"question": "feature", "sae": sae, "feature": feature})
    for document, features in ACTIVE:
        _add_features(rows, documents[document], features)
    return rows


def _explanation(rows: dict[str, list[Row]], document: Row, **changes: Any) -> Row:
    key = len(rows["explanation"])
    row = {
        "explanation": key,
        "ingest_run": 0,
        "model": 0,
        "document": document["document"],
        "ordinal": 0,
        "text": document["text"],
        "tokens": len(document["text"].split(" ")),
        "every_position": False,
        "estimator": "exact",
        "base_value": 0.5,
        "residual": 0.0,
        "identity": f"{key:064}",
    }
    return row | changes


def _add_tokens(rows: dict[str, list[Row]], document: Row, tokens: list[Row], question: Row) -> None:
    """Longer words weigh more, and every third one weighs against."""
    spoken = [row for row in tokens if row["context"] == document["document"]]
    values = [len(row["text"]) / 4 * (-1 if row["position"] % 3 == 0 else 1) for row in spoken]
    order = sorted(range(len(values)), key=lambda place: -abs(values[place]))
    target = {"output": "logit", "target_id": 3, "target": " a", "position": len(spoken)}
    activation = {"output": "activation", "target_id": None, "target": None, "position": None}
    changes = question | (target if question["question"] == "token" else activation) | {"baseline": "end_of_text"}
    changes |= {"players": len(spoken), "evaluations": 2 ** len(spoken), "full_value": 0.5 + sum(values)}
    rows["explanation"].append(_explanation(rows, document, **changes))
    for place, (row, value) in enumerate(zip(spoken, values, strict=True)):
        place_of = {name: row[name] for name in ("position", "token_id", "text", "char_start", "char_end")}
        answer = {"value": value, "standard_error": None, "rank": order.index(place) + 1}
        rows["token_attribution"].append({"explanation": len(rows["explanation"]) - 1, **place_of, **answer})


def _filtered(document: Row, spoken: list[Row], kept: bool | None) -> Row:
    span = document["term_start"], document["term_end"]
    ranks = [row["rank"] for row in spoken if row["char_start"] < span[1] and row["char_end"] > span[0]]
    looked_at = None if kept is None else '[" causes", " a"]'
    return {
        "explanation": spoken[0]["explanation"],
        "term": document["term"],
        "rank": min(ranks),
        "study_tokens": looked_at,
        "study_kept": kept,
    }


def _add_features(rows: dict[str, list[Row]], document: Row, features: tuple[int, ...]) -> None:
    """The value of a feature falls with its place; the error, last, is the smallest."""
    values = [2.0**-place for place in range(len(features) + 1)]
    changes = {"question": "logit", "sae": 0, "feature": None, "output": "logit", "target_id": 3, "target": " a"}
    changes |= {"position": 2, "baseline": "zero", "players": len(values), "evaluations": 2 ** len(values)}
    rows["explanation"].append(_explanation(rows, document, **changes, full_value=0.5 + sum(values)))
    for player, value in enumerate(values):
        feature = features[player] if player < len(features) else None
        rows["feature_attribution"].append(
            {
                "explanation": len(rows["explanation"]) - 1,
                "player": player,
                "sae": 0,
                "feature": feature,
                "activation": None if feature is None else 4.0,
                "value": value,
                "standard_error": 0.125,
                "rank": player + 1,
                "activation_gradient": value if document["document"] else -value,
                "integrated_gradients": value + (player == 1),
            }
        )
