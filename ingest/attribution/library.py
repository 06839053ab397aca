"""shap's own PartitionExplainer, as the study called it, over functions that run whole batches.

The masker is shap's for text: a hidden token becomes "...", and neighbouring ones share it.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from ingest.attribution.readouts import Readout
from ingest.attribution.shapley import Estimate
from ingest.models.gpt2 import GPT2, causal_attention
from schema.errors import SelectionError

MASK = "..."
FORWARD_ROWS = 128

OfTexts = Callable[[Sequence[str]], Float[np.ndarray, "text output"]]


def load_shap() -> Any:
    """The shap package, which is slow to import and heralds deprecations of matplotlib's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        import shap
    return shap


def partition_values(tokenizer: Any, measure: OfTexts, text: str, players: int) -> Estimate:
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
def run_sequences(
    gpt2: GPT2, readout: Readout, sequences: Sequence[Sequence[int]], first: int
) -> Float[np.ndarray, "sequence output"]:
    """The readout of token sequences of any lengths; those of one length run together."""
    lengths = np.array([len(sequence) for sequence in sequences])
    found: dict[int, torch.Tensor] = {}
    for length in np.unique(lengths):
        places = np.flatnonzero(lengths == length)
        for chunk in np.array_split(places, -(-len(places) // FORWARD_ROWS)):
            tokens = torch.as_tensor([list(sequences[place]) for place in chunk], device=gpt2.W_E.device)
            acts = gpt2.value_at(readout.hook_name, gpt2.embed(tokens), causal_attention)
            pooled = readout.measure(acts[:, first:]).amax(1) if readout.largest else readout.measure(acts[:, -1])
            found.update(zip(chunk.tolist(), pooled, strict=True))
    return torch.stack([found[place] for place in range(len(sequences))]).double().cpu().numpy()


def text_measure(gpt2: GPT2, readout: Readout, tokenizer: Any, bos: int | None) -> OfTexts:
    """A readout as a function of texts."""
    head = [] if bos is None else [bos]

    def measure(texts: Sequence[str]) -> np.ndarray:
        encoded = tokenizer(list(map(str, texts)), add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return run_sequences(gpt2, readout, [head + (ids or [gpt2.end_of_text]) for ids in encoded], len(head))

    return measure
