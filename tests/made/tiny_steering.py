"""Planted steering of the tiny atlas: a feature pushed on two prompts, one clamped, one removed from documents."""

import json
from typing import Any

Row = dict[str, Any]

WORDS = (" cough", " rash")
RANDOM = (6, 7)
"""Random features that effects are held against."""

PROMPTS: tuple[tuple[int, int, str, int | None, str, tuple[float, ...]], ...] = (
    (0, 1, "add", 0, "Tuberculosis causes a long", (0.0, 0.5, 1.0)),
    (0, 1, "add", None, "He bought a", (0.5, 1.0)),
    (0, 1, "clamp", None, "He bought a", (1.0,)),
    (1, 4, "remove", 1, "Asthma causes tight", (0.0,)),
)
"""SAE, feature, kind, document, text, doses."""

DOCUMENTS = (0, 1, 2, 3, 4, 6, 7, 8, 9, 10)
POSITIVE, ACTIVE = 5, 4
"""How many of the documents are on the positive side, and on how many of these the feature fires."""


def steering_rows() -> dict[str, list[Row]]:
    """Rows of the steering tables, by table."""
    prompts = [_prompt(key, *prompt[:5]) for key, prompt in enumerate(PROMPTS)]
    effects = [
        _effect(key, prompt[0], prompt[2], dose, (random, feature))
        for key, prompt in enumerate(PROMPTS)
        for dose in prompt[5]
        for random, feature in enumerate((prompt[1], *RANDOM))
    ]
    documents = [_document(place, document) for place, document in enumerate(DOCUMENTS)]
    sides = {side: [row for row in documents if row["side"] == side] for side in ("positive", "control")}
    removed = [
        _side(side, rows, random, feature)
        for random, feature in enumerate((1, *RANDOM))
        for side, rows in sides.items()
    ]
    return {
        "steering": prompts,
        "steering_effect": effects,
        "ablation": [_ablation(removed)],
        "ablation_effect": removed,
        "ablation_document": documents,
    }


def _prompt(key: int, sae: int, feature: int, kind: str, document: int | None, text: str) -> Row:
    medical = document is not None
    return {
        "steering": key,
        "ingest_run": 0,
        "sae": sae,
        "feature": feature,
        "kind": kind,
        "positions": None if kind != "clamp" else "[2]",
        "document": document,
        "text": text,
        "unit": 8.0 * (sae + 1),
        "activation": 1.5 if medical else 0.0,
        "next_tokens": json.dumps([[" cough", 0.25], [" way", 0.125]]),
        "words": json.dumps(WORDS),
        "words_probability": 0.375 if medical else 0.0625,
        "temperature": 0.0,
        "seed": 0,
        "continuation": " way home." if kind == "add" else None,
        "random_features": len(RANDOM),
        "identity": f"{key:064}",
    }


def _effect(key: int, sae: int, kind: str, dose: float, written: tuple[int, int]) -> Row:
    """The feature moves the next token by half a nat a dose, the first random one by an eighth, the other by none."""
    random, feature = written
    size = dose if kind != "remove" else 1.0
    kl = size * (0.5, 0.125, 0.0)[random] if kind != "clamp" else size * (0.0625, 0.125, 0.0)[random]
    words = 0.125 + size * (0.5, 0.0, 0.0625)[random]
    ranks = {"kl_rank": 3 if size == 0 else 1 + (kind == "clamp"), "words_rank": 3 if size == 0 else 1}
    return {
        "steering": key,
        "dose": dose,
        "random": random,
        "sae": sae,
        "feature": feature,
        "kl": kl,
        "kl_rank": None,
        "words_probability": words,
        "words_rank": None,
        "activation": 8.0 * dose if random == 0 else 0.25,
        "raised": json.dumps([[" cough", 0.25, 0.25 + size / 4], [" fever", 0.0625, 0.125]]),
        "lowered": json.dumps([[" way", 0.125, 0.0625]]),
        "words": json.dumps([[" cough", 0.25, 0.5], [" rash", 0.125, 0.25]]) if random == 0 else None,
        "continuation": (" cough and fever.", " way to go.", None)[random] if kind == "add" else None,
        **(ranks if random == 0 else {}),
    }


def _document(place: int, document: int) -> Row:
    fires, nats = place < ACTIVE, 16.0 + place
    return {
        "ablation": 0,
        "document": document,
        "side": "positive" if place < POSITIVE else "control",
        "tokens": 8,
        "active_tokens": 2 * fires,
        "nats": nats,
        "nats_without": nats + 2.0 * fires,
    }


def _side(side: str, rows: list[Row], random: int, feature: int) -> Row:
    tokens = sum(row["tokens"] for row in rows)
    loss = sum(row["nats"] for row in rows) / tokens
    rise = sum(row["nats_without"] - row["nats"] for row in rows) / tokens / (1, 4, 2)[random]
    return {
        "ablation": 0,
        "random": random,
        "side": side,
        "sae": 0,
        "feature": feature,
        "documents": len(rows),
        "groups": len(rows),
        "tokens": tokens,
        "active_tokens": sum(row["active_tokens"] for row in rows),
        "loss": loss,
        "loss_without": loss + rise,
        "rise": rise,
        "rise_low": rise - 0.0625,
        "rise_high": rise + 0.03125,
    }


def _ablation(effects: list[Row]) -> Row:
    own = {row["side"]: row["rise"] for row in effects if row["random"] == 0}
    difference = own["positive"] - own["control"]
    return {
        "ablation": 0,
        "ingest_run": 0,
        "sae": 0,
        "feature": 1,
        "positive": json.dumps(["notes/medical"]),
        "control": json.dumps(["notes/control"]),
        "difference": difference,
        "difference_low": difference - 0.0625,
        "difference_high": difference + 0.0625,
        "difference_rank": 1,
        "random_features": len(RANDOM),
        "seed": 0,
        "documents_sha256": "d" * 64,
        "identity": "a" * 64,
    }
