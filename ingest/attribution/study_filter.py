"""The study's filter of prompts: what it was meant to be, and what it was.

Meant: keep a prompt when its pathology is among the tokens with the largest SHAP values. As it ran: the values were a
matrix of input by generated tokens; `argsort()` sorted the generated axis, its last three rows were taken, and the
first entry of each, the generated token with the lowest value, was read as the number of an input token. The prompt
stayed when one of these tokens contained any word of the prompt.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from ingest.attribution.shap_library import MASK, load_shap
from ingest.models.block_arithmetic import causal_attention
from ingest.models.gpt2 import GPT2
from ingest.models.hooked_model import HookedGPT2

STUDY_LENGTH = 50
"""Tokens of prompt and generated text together."""
STUDY_TOP = 3
FORWARD_ROWS = 32


def study_filter_term_rank(
    values: Float[np.ndarray, " token"],
    char_start: Int[np.ndarray, " token"],
    char_end: Int[np.ndarray, " token"],
    span: tuple[int, int],
) -> int | None:
    """Best rank by |value| of a token that overlaps the span, 1 being the largest; None if no token does."""
    on_term = (char_start < span[1]) & (char_end > span[0])
    return int(study_filter_ranks(values)[on_term].min()) if on_term.any() else None


def study_filter_ranks(values: Float[np.ndarray, " player"]) -> Int[np.ndarray, " player"]:
    """Rank of each player by |value|, 1 being the largest; ties in order."""
    ranks = np.empty(len(values), np.int64)
    ranks[np.argsort(-np.abs(values), kind="stable")] = np.arange(1, len(values) + 1)
    return ranks


def study_rule(
    values: Float[np.ndarray, "token generated"], tokens: Sequence[str], text: str
) -> tuple[list[str], bool]:
    """The tokens that the study's rule looks at, and whether it keeps the prompt.

    A number beyond the prompt's tokens names none.
    """
    numbers = np.argsort(values)[-STUDY_TOP:, 0]
    looked_at = [tokens[number] for number in numbers if number < len(tokens)]
    return looked_at, any(passes_study_filter(token, text) for token in looked_at)


def passes_study_filter(token: str, text: str) -> bool:
    """Whether the study's test takes a token for the pathology: it contains a word of the prompt, whatever its case."""
    return any(word.lower() in token.lower() for word in text.split())


def study_filter_values(
    gpt2: GPT2, tokenizer: Any, text: str
) -> tuple[Float[np.ndarray, "token generated"], list[str]] | None:
    """SHAP values (input by generated tokens) as `shap.Explainer(model, tokenizer)` gives them, and the input tokens.

    None of a text that fills the study's length alone, so that nothing is generated. Log-odds of the generated tokens,
    teacher-forced, without BOS. The study sampled its text; here it is greedy, so that the outcome can be repeated.
    """
    generated = study_continuation(gpt2, _token_ids(tokenizer, text), STUDY_LENGTH)
    if not generated:
        return None
    shap = load_shap()

    def log_odds(texts: Sequence[str]) -> np.ndarray:
        return _log_odds(gpt2, [_token_ids(tokenizer, str(masked)) for masked in texts], generated)

    masker = shap.maskers.Text(tokenizer, mask_token=MASK, collapse_mask_token=True)
    found = shap.PartitionExplainer(log_odds, masker)([text], silent=True)
    return np.asarray(found.values[0]), [str(token) for token in found.data[0]]


def study_continuation(gpt2: GPT2, prompt: Sequence[int], length: int) -> list[int]:
    """The tokens that greedily follow a prompt, up to the end-of-text token or that length in all."""
    if prompt[-1] == gpt2.end_of_text or len(prompt) >= length:
        return []
    generated: list[int] = HookedGPT2(gpt2).generate(torch.tensor([list(prompt)]), length - len(prompt))[0].tolist()
    return generated[:-1] if len(generated) > 1 and generated[-1] == gpt2.end_of_text else generated


@torch.no_grad()
def _log_odds(gpt2: GPT2, prompts: Sequence[Sequence[int]], generated: Sequence[int]) -> np.ndarray:
    """Log-odds of each generated token after each prompt and the tokens before it; padded on the right."""
    size, rows = len(generated), []
    ids = torch.as_tensor(list(generated))
    for first in range(0, len(prompts), FORWARD_ROWS):
        group = [[*prompt, *generated] for prompt in prompts[first : first + FORWARD_ROWS]]
        width = max(map(len, group))
        tokens = torch.tensor([row + [0] * (width - len(row)) for row in group])
        resid = gpt2.value_at(gpt2.last_hook, gpt2.embed(tokens), causal_attention)
        begin = torch.tensor([len(row) - size - 1 for row in group])
        before = resid[torch.arange(len(group))[:, None], begin[:, None] + torch.arange(size)]  # (row, generated, d)
        log_p = gpt2.logits(before).double().log_softmax(-1)
        chosen = log_p.gather(-1, ids.expand(len(group), size)[..., None])[..., 0]
        rows.append((chosen - torch.log1p(-chosen.exp())).numpy())
    return np.concatenate(rows)


def _token_ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return ids or [int(tokenizer.eos_token_id)]
