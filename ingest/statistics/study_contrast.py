"""The study's own contrast, exactly as it was run: mean of means, BOS counted, two standard deviations.

Per prompt the mean activation over all positions, BOS included; per group the
mean of those; features with a positive mean in the positive group and a positive
difference are kept, unless their difference lies outside mean +- 2 sample
standard deviations of the kept ones. It has no null and no correction: the
figures beside it are there for that.
"""

import numpy as np
from jaxtyping import Bool, Float


def study_kept(
    mean_positive: Float[np.ndarray, " n_features"], mean_control: Float[np.ndarray, " n_features"]
) -> Bool[np.ndarray, " n_features"]:
    """Which features the study's filter keeps; its candidates are the 40 largest differences among them."""
    difference = mean_positive - mean_control
    kept: Bool[np.ndarray, " n_features"] = (mean_positive > 0) & (difference > 0)
    if kept.sum() < 2:
        return kept
    centre, spread = difference[kept].mean(), difference[kept].std(ddof=1)
    within: Bool[np.ndarray, " n_features"] = kept & (np.abs(difference - centre) <= 2 * spread)
    return within


def study_mean_with_bos(
    mean_sum: Float[np.ndarray, " n_features"], bos: Float[np.ndarray, " n_features"], bos_share: float
) -> Float[np.ndarray, " n_features"]:
    """A group's mean of means with BOS counted.

    mean_sum is the mean over documents of sum / (tokens + windows), bos_share that of windows / (tokens + windows).
    """
    return mean_sum + bos * bos_share
