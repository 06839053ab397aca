"""Planted labels of the tiny atlas: made, imported, right, wrong and hardly tested ones."""

import json
from datetime import datetime
from typing import Any

Row = dict[str, Any]

Label = tuple[int, int, str, str, str, tuple[str, ...]]

LABELS: tuple[Label, ...] = (
    (0, 1, "asthma, cancer, measles", "automatic", "on", ("asthma", "cancer", "measles")),
    (0, 2, "before a, tight", "automatic", "before", ("a", "tight")),
    (0, 7, "numbers", "automatic", "on", ("<number>",)),
    (1, 4, "asthma, cancer, measles", "automatic", "on", ("asthma", "cancer", "measles")),
    (0, 1, "names of diseases", "oai_token-act-pair", "text", ("diseases",)),
    (0, 6, "sports and games", "oai_token-act-pair", "text", ("sports", "games")),
    (0, 10, "parts of the body", "language model", "text", ("parts", "body")),
)
"""SAE, feature, label, method, kind, words."""

SCORES: tuple[tuple[int, str, float | None, float, float], ...] = (
    (0, "random", 0.9375, 0.875, 0.125),
    (0, "neighbour", 0.75, 0.625, 0.125),
    (0, "same token", None, 0.0, 0.0),
    (1, "random", 0.625, 0.5, 0.25),
    (2, "random", 1.0, 1.0, 0.0),
    (3, "random", 0.9375, 0.875, 0.125),
    (4, "random", 0.5, 0.0, 0.0),
    (5, "random", 0.375, 0.0, 0.25),
)
"""Label, negatives, AUROC, recall, false alarms."""


def label_rows() -> dict[str, list[Row]]:
    """Rows of feature_label and label_score, by table."""
    return {
        "feature_label": [_label(key, label) for key, label in enumerate(LABELS)],
        "label_score": [_score(*score) for score in SCORES],
    }


def _label(key: int, planted: Label) -> Row:
    sae, feature, label, method, kind, words = planted
    own = method != "oai_token-act-pair"
    worded = method == "language model"
    return {
        "feature_label": key,
        "sae": sae,
        "feature": feature,
        "label": label,
        "method": method,
        "kind": kind,
        "words": json.dumps(words),
        "author": None if own else "openai",
        "model": "tiny-words" if worded else None if own else "gpt-3.5-turbo",
        "created_at": datetime(2026, 1, 5, 10) if own else None,
        "source": "atlas" if own else "batch-0.jsonl.gz",
        "source_sha256": ("d" if own else "e") * 64,
        "external_id": None if own else f"label-{key}",
        "contexts": 4 if own else None,
        "prompt": "What do these have in common?" if worded else None,
        "answer": "parts of the body" if worded else None,
        "ingest_run": 0,
    }


def _score(label: int, negatives: str, auroc: float | None, recall: float, false_alarms: float) -> Row:
    tested = auroc is not None
    wrong = {"wrong_labels": 20, "wrong_mean": 0.5, "wrong_best": 0.5625, "beaten": 20 if (auroc or 0) > 0.5625 else 9}
    balanced = (recall + 1 - false_alarms) / 2
    figures = {
        "balanced_accuracy": balanced,
        "balanced_accuracy_low": balanced - 0.125,
        "balanced_accuracy_high": min(balanced + 0.0625, 1.0),
        "recall": recall,
        "false_alarms": false_alarms,
        "auroc": auroc,
        "auroc_low": (auroc or 0) - 0.125,
        "auroc_high": min((auroc or 0) + 0.0625, 1.0),
        **wrong,
    }
    counts = {"firing": 8, "silent": 8, "firing_groups": 6, "silent_groups": 6} if tested else {}
    return {
        "feature_label": label,
        "negatives": negatives,
        "judge": "words",
        "ingest_run": 0,
        "documents_sha256": "f" * 64,
        **({"firing": 3, "silent": 0, "firing_groups": 3, "silent_groups": 0} | counts),
        **({name: value if tested else None for name, value in figures.items()}),
        "reason": None if tested else "firing in 3 groups of documents and silent in 0; 5 of each are needed",
    }
