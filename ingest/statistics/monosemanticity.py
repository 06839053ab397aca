"""FMS, the feature monosemanticity score of an SAE for one concept.

The features are ranked by one Gini split of the documents' mean activations; the
best is the root, the concept's feature. With acc_i the accuracy of a tree of one
split once the i best features are removed, and acc_cum_i that of a tree of depth i
over the i best features together:

    local@p = 2 (acc_0 - acc_p)
    global  = 1 - A(n) / n,  A(n) = sum over i = 1 .. n of (acc_cum_i - acc_0)
    FMS@p   = acc_0 (local@p + global) / 2

Trees are fitted on one half of the documents and judged on the other. The scale
supposes two groups of like size: local@p counts from an accuracy of one half. Of
splits that remove as much, the feature whose values rank the documents better is
before the other; then a hash of the values decides, never the feature's number.

Source: Härle et al. 2025, "Measuring and Guiding Monosemanticity", arXiv 2506.19382.
"""

from hashlib import blake2b
from typing import NamedTuple, Self

import numpy as np
from jaxtyping import Bool, Float, Int

from ingest.statistics.rank_sum import tie_groups

LOCAL = 5
TOGETHER = 10


class Monosemanticity(NamedTuple):
    """FMS and its parts.

    Shapes: removed (LOCAL + 1, *draw), acc_i from i = 0; together (TOGETHER, *draw), acc_cum_i from i = 1; right
    (tree, document), which documents each tree of both calls rightly. A draw is a bootstrap resample.
    """

    root: int
    removed: Float[np.ndarray, "removed *draw"]
    together: Float[np.ndarray, "together *draw"]
    right: Bool[np.ndarray, "tree document"]

    @classmethod
    def of(
        cls,
        root: int,
        right: Bool[np.ndarray, "tree document"],
        weights: Float[np.ndarray, "document *draw"] | None = None,
    ) -> Self:
        """From what the trees call rightly; documents count once, or as often as the weights say."""
        shares = right.mean(axis=1) if weights is None else right.astype(np.float32) @ weights / weights.sum(axis=0)
        return cls(root, shares[: LOCAL + 1], shares[LOCAL + 1 :], right)

    @property
    def accuracy(self) -> Float[np.ndarray, " *draw"]:
        """acc_0, the accuracy of the root alone."""
        accuracy: Float[np.ndarray, " *draw"] = self.removed[0]
        return accuracy

    @property
    def distributed(self) -> Float[np.ndarray, " *draw"]:
        """global: 1 where more features add nothing to the root."""
        distributed: Float[np.ndarray, " *draw"] = 1 - (self.together - self.removed[0]).mean(axis=0)
        return distributed

    def local(self, p: int) -> Float[np.ndarray, " *draw"]:
        """local@p: 1 where without the p best features nothing is left but chance."""
        local: Float[np.ndarray, " *draw"] = 2 * (self.removed[0] - self.removed[p])
        return local

    def score(self, p: int) -> Float[np.ndarray, " *draw"]:
        """FMS@p."""
        score: Float[np.ndarray, " *draw"] = self.accuracy * (self.local(p) + self.distributed) / 2
        return score

    def drawn(self, weights: Float[np.ndarray, "document draw"]) -> Self:
        """The same under a group bootstrap of the documents judged; the trees stay as they were fitted."""
        return self.of(self.root, self.right, weights)


def split_gain(
    feature: Int[np.ndarray, " row"],
    x: Float[np.ndarray, " row"],
    positive: Bool[np.ndarray, " row"],
    groups: tuple[int, int],
    n_features: int,
) -> Float[np.ndarray, " n_features"]:
    """The Gini impurity that each feature's best single split removes; 0 if it cannot split.

    `x` holds the values above 0, and is compared in 32 bits, as scikit-learn's trees do.
    """
    n, n_positive = sum(groups), groups[0]
    fires = np.bincount(feature, minlength=n_features)
    silent = n - fires
    silent_positive = n_positive - np.bincount(feature[positive], minlength=n_features)
    found = tie_groups(feature, x.astype(np.float32))
    owner = found.feature
    # the split below each group of equal values: silent documents and smaller values on the left
    left = silent[owner] + found.below(found.size)
    left_positive = silent_positive[owner] + found.below(found.total(positive))
    right, right_positive = n - left, n_positive - left_positive
    with np.errstate(divide="ignore", invalid="ignore"):
        impurity = 2 * left_positive * (left - left_positive) / left
        impurity = (impurity + 2 * right_positive * (right - right_positive) / right) / n
    whole = 2 * n_positive * (n - n_positive) / n**2
    gain = np.zeros(n_features)
    split = left > 0
    np.maximum.at(gain, owner[split], (whole - impurity)[split])
    return gain


def monosemantic_tie_key(values: Float[np.ndarray, " document"]) -> str:
    """What orders features that are equally good: a hash of their values, whatever their numbers."""
    return blake2b(np.ascontiguousarray(values, dtype="<f8").tobytes(), digest_size=16).hexdigest()


def monosemanticity(
    columns: Int[np.ndarray, " best"],
    fitted: tuple[Float[np.ndarray, "document best"], Bool[np.ndarray, " document"]],
    judged: tuple[Float[np.ndarray, "other best"], Bool[np.ndarray, " other"]],
) -> Monosemanticity:
    """FMS from the mean activations of the best features, best first, on the two halves."""

    def _right(chosen: slice, depth: int) -> Bool[np.ndarray, " other"]:
        from sklearn.tree import DecisionTreeClassifier

        tree = DecisionTreeClassifier(criterion="gini", max_depth=depth, random_state=0)
        tree.fit(fitted[0][:, chosen], fitted[1])
        called: Bool[np.ndarray, " other"] = tree.predict(judged[0][:, chosen]) == judged[1]
        return called

    removed = [_right(slice(i, i + 1), 1) for i in range(LOCAL + 1)]
    together = [_right(slice(0, i), i) for i in range(1, TOGETHER + 1)]
    return Monosemanticity.of(int(columns[0]), np.array([*removed, *together]))
