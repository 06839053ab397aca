"""What the study's notebook computes, in pandas and torch alone: candidates, logit weights, lists by moments."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import kurtosis


def study_list(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that the study prints of a table of number, med and no_med, by its own cells."""
    table = table[table["med"] > 0].copy()
    table["difference"] = table["med"] - table["no_med"]
    table = table[table["difference"] > 0]
    mean, std = table["difference"].mean(), table["difference"].std()
    table = table[(table["difference"] >= mean - 2 * std) & (table["difference"] <= mean + 2 * std)]
    return table.nlargest(40, "difference")


def study_logits(model: Any, sae: Any, *, folded: bool = True) -> np.ndarray:
    """Logit weights with ln_f folded into the unembedding, both of its means taken out, its columns of length 1."""
    W_U = model.lm_head.weight.detach().double().T  # (d_model, d_vocab)
    if folded:
        W_U = W_U * model.transformer.ln_f.weight.detach().double()[:, None]
        W_U = W_U - W_U.mean(0, keepdim=True)
        W_U = W_U - W_U.mean(1, keepdim=True)
    weights: np.ndarray = (sae.W_dec.detach().double() @ (W_U / W_U.norm(dim=0, keepdim=True))).numpy()
    return weights


def listed(values: np.ndarray, end: str) -> list[int]:
    """The ten features with the highest or the lowest values."""
    series = pd.Series(values)
    return [int(each) for each in (series.nlargest(10) if end == "highest" else series.nsmallest(10)).index]


def study_lists(logits: np.ndarray) -> Mapping[tuple[str, str], list[int]]:
    """Its six lists by heading and end: those under skewness are sorted by kurtosis."""
    by_kurtosis = kurtosis(logits, axis=1, fisher=False)
    sorted_by = {"std": logits.std(axis=1), "kurtosis": by_kurtosis, "skewness": by_kurtosis}
    return {(name, end): listed(values, end) for name, values in sorted_by.items() for end in ("highest", "lowest")}
