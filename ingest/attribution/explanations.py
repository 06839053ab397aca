"""`shap.Explanation` objects rebuilt from an atlas, for shap's own plots."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingest.attribution.library import load_shap
from schema.errors import SelectionError
from schema.store import Atlas

PLAYERS = {
    "token": "SELECT text, NULL, value FROM token_attribution WHERE explanation = ? ORDER BY position",
    "feature": "SELECT text, NULL, value FROM token_attribution WHERE explanation = ? ORDER BY position",
    "logit": """
        SELECT COALESCE('feature ' || feature, 'error of the SAE'), activation, value
        FROM feature_attribution
        WHERE explanation = ?
        ORDER BY player
    """,
}


@dataclass(frozen=True)
class Stored:
    """An explanation as it lies in the atlas.

    Shapes: values (player,); activations (player,), NaN where the players are tokens, and for the error.
    """

    question: str
    title: str
    players: list[str]
    activations: np.ndarray
    values: np.ndarray
    base_value: float


def read_explanation(atlas: Atlas, explanation: int) -> Stored:
    """An explanation with its values.

    Raises:
        SelectionError: there is none of that number.
    """
    rows = atlas.rows(
        "SELECT question, output, target, feature, base_value FROM explanation WHERE explanation = ?", [explanation]
    )
    if not rows:
        held = atlas.rows("SELECT COUNT(*) FROM explanation")[0][0]
        hint = "list them: atlas query ATLAS explanations" if held else "compute some: atlas explain token ATLAS"
        raise SelectionError(f"{atlas.path} holds no explanation {explanation}; {hint}")
    question, output, target, feature, base = rows[0]
    players = atlas.rows(PLAYERS[question], [explanation])
    title = f"activation of feature {feature}" if question == "feature" else f"{output} of {json.dumps(target)}"
    activations = np.array([row[1] for row in players], dtype=np.float64)
    values = np.array([row[2] for row in players], dtype=np.float64)
    return Stored(question, title, [row[0] for row in players], activations, values, base)


def shap_explanation(stored: Stored) -> Any:
    """A `shap.Explanation` of one sample: shap's text (tokens), bar and waterfall plots work on it."""
    data = np.array(stored.players, dtype=object) if stored.question != "logit" else stored.activations
    return load_shap().Explanation(
        values=stored.values,
        base_values=stored.base_value,
        data=data,
        feature_names=stored.players,
    )


def shap_explanations(several: Sequence[Stored]) -> Any:
    """A `shap.Explanation` of many samples, a column a player, 0 where it is absent: for shap's beeswarm."""
    names = list(dict.fromkeys(name.strip() for one in several for name in one.players))
    place = {name: number for number, name in enumerate(names)}
    values, data = np.zeros((len(several), len(names))), np.zeros((len(several), len(names)))
    for row, one in enumerate(several):
        shown = np.nan_to_num(one.activations, nan=1.0)
        for name, value, activation in zip(one.players, one.values, shown, strict=True):
            values[row, place[name.strip()]] += value
            data[row, place[name.strip()]] = activation
    base = np.array([one.base_value for one in several])
    return load_shap().Explanation(values=values, base_values=base, data=data, feature_names=names)
