"""The shap package: its own PartitionExplainer, as the study called it, and `shap.Explanation` objects for its plots.

The explainer is given functions that run whole batches. The masker is shap's for text: a hidden token becomes "...",
and neighbouring ones share it. Explanations are rebuilt from an atlas.
"""

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from ingest.attribution.readouts import Readout
from ingest.attribution.shapley import Estimate
from ingest.models.block_arithmetic import causal_attention
from ingest.models.gpt2 import GPT2
from schema.errors import SelectionError
from schema.store import Atlas

MASK = "..."
FORWARD_ROWS = 128

OfTexts = Callable[[Sequence[str]], Float[np.ndarray, "text output"]]


def load_shap() -> Any:
    """The shap package, which is slow to import and heralds deprecations of matplotlib's.

    Its loops over the tokens of a text stay Python's: Numba compiles them for 10 s, and they then run for less.
    """
    from numba import config

    compiled = config.DISABLE_JIT
    config.DISABLE_JIT = True  # read where shap's functions are made, so that it is of no other's
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            import shap
    finally:
        config.DISABLE_JIT = compiled
    return shap


def shap_partition_values(tokenizer: Any, measure: OfTexts, text: str, players: int) -> Estimate:
    """The Owen values that `shap.Explainer(function, tokenizer)` gives for a text, one row a token.

    Raises:
        SelectionError: the text alone does not give these tokens.
    """
    shap = load_shap()
    evaluated = 0

    def counted(texts: Sequence[str]) -> np.ndarray:
        nonlocal evaluated
        evaluated += len(texts)
        return measure(texts)

    masker = shap.maskers.Text(tokenizer, mask_token=MASK, collapse_mask_token=True)
    found = shap.PartitionExplainer(counted, masker)([text], silent=True)
    values = np.asarray(found.values[0], dtype=np.float64).reshape(len(found.data[0]), -1)
    if len(values) != players:
        raise SelectionError(
            f"shap splits '{text[:40]}' into {len(values)} tokens, not {players}; use --estimator auto"
        )
    base = np.asarray(found.base_values[0], dtype=np.float64).reshape(-1)
    return Estimate("partition", values, None, base, measure([text])[0], evaluated)


@torch.no_grad()
def run_shap_sequences(
    gpt2: GPT2, readout: Readout, sequences: Sequence[Sequence[int]], first: int
) -> Float[np.ndarray, "sequence output"]:
    """The readout of token sequences of any lengths; those of one length run together.

    Raises:
        SelectionError: one is longer than the model has positions.
    """
    lengths, room = np.array([len(sequence) for sequence in sequences]), len(gpt2.W_pos)
    if lengths.max() > room:
        raise SelectionError(
            f"a masked text has {lengths.max()} tokens, and the model {room} positions; use --estimator auto"
        )
    found: dict[int, torch.Tensor] = {}
    for length in np.unique(lengths):
        places = np.flatnonzero(lengths == length)
        for chunk in np.array_split(places, -(-len(places) // FORWARD_ROWS)):
            tokens = torch.as_tensor([list(sequences[place]) for place in chunk], device=gpt2.W_E.device)
            acts = gpt2.value_at(readout.hook_name, gpt2.embed(tokens), causal_attention)
            pooled = readout.measure(acts[:, first:]).amax(1) if readout.largest else readout.measure(acts[:, -1])
            found.update(zip(chunk.tolist(), pooled, strict=True))
    return torch.stack([found[place] for place in range(len(sequences))]).double().cpu().numpy()


def shap_text_measure(gpt2: GPT2, readout: Readout, tokenizer: Any, bos: int | None) -> OfTexts:
    """A readout as a function of texts."""
    head = [] if bos is None else [bos]

    def measure(texts: Sequence[str]) -> np.ndarray:
        encoded = tokenizer(list(map(str, texts)), add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return run_shap_sequences(gpt2, readout, [head + (ids or [gpt2.end_of_text]) for ids in encoded], len(head))

    return measure


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


def read_shap_explanation(atlas: Atlas, explanation: int) -> Stored:
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
