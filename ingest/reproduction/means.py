"""The study's contrast, run as it was: prompt by prompt, every position counted, under its processing of the model.

TransformerLens' default processing folds ln_final into W_U and centres what is written to the stream and W_U. The
residual stream is then the one that SAELens' own processing gives, to rounding; the logit weights are others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from ingest.models.hooked_model import hooked_model
from ingest.models.language_model import LanguageModel, Processing
from ingest.models.sae import SAE
from ingest.statistics.study_contrast import study_kept

STUDY_PROCESSING = Processing(center_writing_weights=True, fold_ln=True, center_unembed=True)
"""What `HookedTransformer.from_pretrained` does where nothing else is said; folded value biases change no logit."""
PRINTED = 40
"""How many candidates the study prints."""
SHUFFLES = 100
SEED = 20


@dataclass(frozen=True)
class PromptMeans:
    """The mean activation of every feature over the positions of each prompt.

    Shapes: with_bos, without_bos (prompt, d_sae), float32; positive (prompt,), the list that it is of.
    """

    with_bos: Float[np.ndarray, "prompt d_sae"]
    without_bos: Float[np.ndarray, "prompt d_sae"]
    positive: Bool[np.ndarray, " prompt"]

    def means(self, *, bos: bool, positive: bool) -> Float[np.ndarray, " d_sae"]:
        """Mean of means over the prompts of one list."""
        values = self.with_bos if bos else self.without_bos
        mean: Float[np.ndarray, " d_sae"] = values[self.positive == positive].mean(axis=0, dtype=np.float64)
        return mean

    def difference(self, *, bos: bool = True) -> Float[np.ndarray, " d_sae"]:
        """The means of the positive list over those of the other."""
        difference: Float[np.ndarray, " d_sae"] = self.means(bos=bos, positive=True) - self.means(
            bos=bos, positive=False
        )
        return difference

    def printed(self, *, bos: bool = True) -> Int[np.ndarray, " place"]:
        """The features that the study's method prints, in its order."""
        return printed_features(self.means(bos=bos, positive=True), self.means(bos=bos, positive=False))


def printed_features(
    mean_positive: Float[np.ndarray, " d_sae"], mean_control: Float[np.ndarray, " d_sae"]
) -> Int[np.ndarray, " place"]:
    """The largest differences among those that the study keeps; ties by index."""
    kept = np.flatnonzero(study_kept(mean_positive, mean_control))
    order = np.argsort(-(mean_positive - mean_control)[kept], kind="stable")
    printed: Int[np.ndarray, " place"] = kept[order][:PRINTED]
    return printed


def shuffled_lists(
    means: PromptMeans, shuffles: int = SHUFFLES, seed: int = SEED
) -> tuple[Int[np.ndarray, " shuffle"], Float[np.ndarray, " shuffle"]]:
    """How many features the method prints where prompts exchange their lists, and the largest difference it prints."""
    rng = np.random.default_rng(seed)
    counts, largest = np.zeros(shuffles, np.int64), np.zeros(shuffles)
    total, n_positive = means.with_bos.sum(axis=0, dtype=np.float64), int(means.positive.sum())
    for shuffle in range(shuffles):
        chosen = rng.permutation(len(means.positive))[:n_positive]
        positive = means.with_bos[chosen].sum(axis=0, dtype=np.float64)
        control = (total - positive) / (len(means.positive) - n_positive)
        positive /= n_positive
        printed = printed_features(positive, control.clip(min=0))
        counts[shuffle] = len(printed)
        largest[shuffle] = (positive - control)[printed].max(initial=0.0)
    return counts, largest


@torch.inference_mode()
def prompt_means(
    model: LanguageModel, sae: SAE, lists: tuple[Sequence[str], Sequence[str]], told: Callable[[int, int], None]
) -> PromptMeans:
    """Run every prompt of the two lists as the study did, the positive ones first; `told` how many of how many.

    A text is cut at the model's positions, as TransformerLens cuts it. Without a BOS token both means are alike.
    """
    run, bos = hooked_model(model, [sae.hook_name]), int(model.tokenizer.bos_token_id is not None)

    def encoded(text: str) -> torch.Tensor:
        ids = reproduced_prompt_tokens(model, text)
        if not ids:
            return torch.zeros(0, sae.d_sae)
        tokens = torch.tensor([ids], device=sae.W_dec.device)
        return sae.encode(run.run(tokens, [sae.hook_name]).values[sae.hook_name][0])

    return means_of_printed_lists(encoded, bos, sae.d_sae, lists, told)


def means_of_printed_lists(
    encoded: Callable[[str], Float[torch.Tensor, "position d_sae"]],
    bos: int,
    d_sae: int,
    lists: tuple[Sequence[str], Sequence[str]],
    told: Callable[[int, int], None],
) -> PromptMeans:
    """The means of every prompt, whose activations at every position `encoded` gives, the first `bos` on BOS tokens."""
    texts = [*lists[0], *lists[1]]
    with_bos, without_bos = (np.zeros((len(texts), d_sae), np.float32) for _ in range(2))
    for place, text in enumerate(texts):
        acts = encoded(text).double()
        for means, first in ((with_bos, 0), (without_bos, bos)):
            if len(acts) > first:
                means[place] = acts[first:].mean(0).cpu().numpy()
        told(place + 1, len(texts))
    return PromptMeans(with_bos, without_bos, np.arange(len(texts)) < len(lists[0]))


def reproduced_prompt_tokens(model: LanguageModel, text: str) -> list[int]:
    """The ids of a prompt as `model.to_tokens` gives them: BOS first, if there is one, and no more than fit."""
    bos: Any = model.tokenizer.bos_token_id
    ids = model.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return [*([] if bos is None else [int(bos)]), *ids][: int(model.config.n_ctx)]
