"""FMS against a literal transcription of the paper's equations, and single splits against scikit-learn."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.metrics import accuracy_score
from sklearn.tree import DecisionTreeClassifier

from ingest.contrasts.concept import BestSplits, fms_columns
from ingest.contrasts.confirmation import confirmation_draws
from ingest.contrasts.scores import Documents, Scores
from ingest.statistics.monosemanticity import LOCAL, TOGETHER, Monosemanticity, monosemanticity, split_gain
from tests.made.sparse_cases import Case, cases, random_case


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


def planted_ties(order: np.ndarray) -> Scores:
    """Forty features in the given order: three perfect ones, two of them alike, and many that tie at nothing."""
    rng = np.random.default_rng(2)
    dense = (rng.random((40, 80)) < 0.1) * 1.0
    positive = np.arange(80) % 2 == 0
    dense[:3] = np.where(positive, rng.gamma(3.0, size=(3, 80)) + 1, 0)
    dense[1] = dense[0]
    documents = Documents(
        key=np.arange(80),
        positive=positive,
        confirmation=np.arange(80) % 4 < 2,
        group=np.arange(80),
        template=np.full(80, -1),
        domain=np.where(positive, -1, 0),
        tokens=np.ones(80, dtype=int),
        bos_tokens=np.zeros(80, dtype=int),
        length=np.ones(80, dtype=int),
        domains=("one",),
    )
    feature, document = np.nonzero(dense[order])
    value = dense[order][feature, document]
    active = np.ones(len(value), dtype=int)
    return Scores(documents, range(40), feature, document, value, value, active, np.zeros(40))


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_features_and_of_ranges_does_not_decide_ties(seed: int) -> None:
    expected = BestSplits(planted_ties(np.arange(40)).documents)
    expected.add(planted_ties(np.arange(40)))
    order = np.random.default_rng(seed).permutation(40)
    scores = planted_ties(order)
    found = BestSplits(scores.documents)
    for start in range(0, 40, 8):
        inside = (scores.feature >= start) & (scores.feature < start + 8)
        part = scores.where(inside)
        found.add(replace(part, feature=part.feature - start, features=range(start, start + 8), bos=np.zeros(8)))
    one, other = expected.monosemanticity(), found.monosemanticity()
    assert one is not None
    assert other is not None
    assert (one.right == other.right).all()
    twins = {0: 0, 1: 0}
    assert twins.get(int(order[other.root]), int(order[other.root])) == twins.get(one.root, one.root)


def test_the_interval_is_that_of_documents_drawn_again_and_chance_that_of_the_half() -> None:
    scores = planted_ties(np.arange(40))
    documents = scores.documents
    best = BestSplits(documents)
    best.add(scores)
    found, weights = best.monosemanticity(), confirmation_draws(documents)
    assert found is not None
    columns = fms_columns(found, documents, weights)
    drawn = [
        Monosemanticity.of(0, np.repeat(found.right, weight, axis=1)).score(LOCAL)
        for weight in weights.T[:200].tolist()
    ]
    np.testing.assert_allclose(drawn, found.drawn(weights.astype(float)).score(LOCAL)[:200], atol=1e-12)
    low, score, high = (columns[name] or 0.0 for name in ("fms_5_low", "fms_5", "fms_5_high"))
    assert low <= score <= high
    assert columns["fms_chance"] == 0.5
    assert columns["fms_accuracy_low"] == columns["fms_accuracy"] == 1
