"""Random dense scores and their sparse rows: many zeros, many ties, silent features, lopsided groups."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

SCORES = st.sampled_from([0.0, 0.0, 0.0, 0.25, 0.5, 0.5, 1.0, 3.0, 0.0625, 40.0])


@dataclass(frozen=True)
class Case:
    """Scores (feature, document), which documents are positive, and the group of each."""

    dense: np.ndarray
    positive: np.ndarray
    group: np.ndarray

    @property
    def rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Feature, document and score of what is above 0, in no order."""
        feature, document = np.nonzero(self.dense)
        shuffled = np.random.default_rng(0).permutation(len(feature))
        feature, document = feature[shuffled], document[shuffled]
        return feature, document, self.dense[feature, document]

    @property
    def sizes(self) -> tuple[int, int]:
        """Positive and control documents."""
        return int(self.positive.sum()), int((~self.positive).sum())

    @property
    def n_features(self) -> int:
        """How many features there are, silent ones included."""
        return len(self.dense)


@st.composite
def cases(draw: st.DrawFn, documents: int = 24, features: int = 3) -> Case:
    """A case with at least one document on each side."""
    n = draw(st.integers(2, documents))
    dense = draw(arrays(np.float32, (draw(st.integers(1, features)), n), elements=SCORES.map(np.float32)))
    positive = np.arange(n) < draw(st.integers(1, n - 1))
    group = draw(arrays(np.int64, n, elements=st.integers(0, n)))
    return Case(dense, draw(st.permutations(positive.tolist()).map(np.array)), group)


def random_case(seed: int, n_features: int, n_documents: int) -> Case:
    """A larger case with scores that do not tie, half of the documents positive, and a feature that never fires."""
    rng = np.random.default_rng(seed)
    fires = rng.random((n_features, n_documents)) < rng.random((n_features, 1))
    dense = np.where(fires, rng.gamma(2.0, size=fires.shape), 0).astype(np.float32)
    dense[0] = 0
    positive = np.arange(n_documents) % 2 == 0
    dense[1:3, positive] *= 3
    return Case(dense, positive, np.arange(n_documents) // 2)
