"""FMS against a literal transcription of the paper's equations, and single splits against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.metrics import accuracy_score
from sklearn.tree import DecisionTreeClassifier

from ingest.statistics.monosemanticity import LOCAL, TOGETHER, monosemanticity, split_gain
from tests.sparse_cases import Case, cases, random_case


def impurity_removed(x: np.ndarray, positive: np.ndarray) -> float:
    """What scikit-learn's own stump on one feature removes."""
    tree = DecisionTreeClassifier(criterion="gini", max_depth=1, random_state=0).fit(x[:, None], positive).tree_
    if tree.node_count == 1:
        return 0.0
    share = tree.n_node_samples / tree.n_node_samples[0]
    return float(tree.impurity[0] - share[1] * tree.impurity[1] - share[2] * tree.impurity[2])


def literal_fms(fitted: np.ndarray, labels: np.ndarray, judged: np.ndarray, truth: np.ndarray, p: int, n: int) -> float:
    """arXiv 2506.19382 word by word; features are columns, and of equal splits the first is the best."""

    def accs(features: list[int], depth: int) -> float:
        tree = DecisionTreeClassifier(criterion="gini", max_depth=depth, random_state=0)
        tree.fit(fitted[:, features], labels)
        return float(accuracy_score(truth, tree.predict(judged[:, features])))

    left, roots = list(range(fitted.shape[1])), []
    for _ in range(max(p + 1, n)):
        gains = [round(impurity_removed(fitted[:, feature], labels), 12) for feature in left]
        roots.append(left.pop(int(np.argmax(gains))))
    accs_0, accs_p = accs([roots[0]], 1), accs([roots[p]], 1)
    local = 2 * (accs_0 - accs_p)
    accs_cum = [accs(roots[:i], i) for i in range(1, n + 1)]
    area = sum(acc - accs_0 for acc in accs_cum)
    return accs_0 * (local + (1 - area / n)) / 2


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_a_split_removes_what_scikit_learn_says(case: Case) -> None:
    feature, document, x = case.rows
    found = split_gain(feature, x, case.positive[document], case.sizes, case.n_features)
    for number in range(case.n_features):
        expected = impurity_removed(case.dense[number], case.positive)
        assert found[number] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_it_equals_the_papers_equations(seed: int) -> None:
    case = random_case(seed, 16, 160)
    half = np.arange(160) % 4 < 2
    fitted, judged = case.dense[:, half].T, case.dense[:, ~half].T
    feature, document = np.nonzero(fitted.T)
    sizes = (int(case.positive[half].sum()), int((~case.positive[half]).sum()))
    gain = split_gain(feature, fitted.T[feature, document], case.positive[half][document], sizes, 16)
    best = np.lexsort((np.arange(16), -gain))[: max(LOCAL + 1, TOGETHER)]
    found = monosemanticity(best, (fitted[:, best], case.positive[half]), (judged[:, best], case.positive[~half]))
    for p in (1, LOCAL):
        expected = literal_fms(fitted, case.positive[half], judged, case.positive[~half], p, TOGETHER)
        assert found.score(p) == pytest.approx(expected, abs=1e-12)


def test_one_perfect_feature_among_noise_scores_one() -> None:
    rng = np.random.default_rng(0)
    positive = np.arange(2000) % 2 == 0
    columns = rng.random((2000, max(LOCAL + 1, TOGETHER)))
    columns[:, 0] = positive
    found = monosemanticity(np.arange(10), (columns[:1000], positive[:1000]), (columns[1000:], positive[1000:]))
    assert found.root == 0
    assert found.accuracy == found.distributed == 1
    assert found.score(1) == pytest.approx(1, abs=0.06)
