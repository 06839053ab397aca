"""Detection: AUROCs as scikit-learn has them, intervals that hold what they should, wrong labels that are fair."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from ingest.labels.scored.detection import detection_figures, enough_groups, label_aurocs
from ingest.labels.scored.words import wrong_labels

SCORE = st.sampled_from([0.0, 0.0, 0.5, 1.0, 2.5])


@settings(max_examples=50, deadline=None)
@given(st.lists(SCORE, min_size=5, max_size=20), st.lists(SCORE, min_size=5, max_size=20))
def test_figures_are_those_of_scikit_learn(firing: list[float], silent: list[float]) -> None:
    truth = [True] * len(firing) + [False] * len(silent)
    both = np.array(firing + silent)
    sides = np.array(firing), np.array(silent)
    found = detection_figures(sides, (np.arange(len(firing)), np.arange(len(silent)) + 100), seed=0)
    assert found.auroc == pytest.approx(roc_auc_score(truth, both))
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(truth, both > 0))
    assert found.auroc_low - 1e-6 <= found.auroc <= found.auroc_high + 1e-6
    assert label_aurocs(sides[0][:, None], sides[1][:, None]) == pytest.approx([found.auroc])


def test_intervals_hold_the_truth_nineteen_times_in_twenty_although_documents_of_a_group_are_alike() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for trial in range(300):
        group = rng.integers(0, 15, (2, 40))
        about = rng.normal(size=(2, 15))
        firing, silent = (rng.normal(size=40) + about[side][group[side]] for side in (0, 1))
        found = detection_figures((firing, silent), (group[0], group[1] + 15), seed=trial)
        held += found.auroc_low <= 0.5 <= found.auroc_high
    assert held / 300 >= 0.92


@pytest.mark.parametrize("groups", [5, 8, 20])
@pytest.mark.parametrize(("hits", "alarms"), [(0.9, 0.1), (0.9, 0.5), (0.98, 0.02)])
def test_intervals_hold_the_truth_also_where_groups_are_few_and_mostly_say_the_same(
    groups: int, hits: float, alarms: float
) -> None:
    """A hit in each of five groups is had six times in ten of one that hits in nine of ten."""
    rng = np.random.default_rng(5)
    group, truth = np.repeat(np.arange(groups), 2), (hits + 1 - alarms) / 2
    held = np.zeros(2)
    for trial in range(200):
        firing, silent = (np.repeat((rng.random(groups) < rate).astype(float), 2) for rate in (hits, alarms))
        found = detection_figures((firing, silent), (group, group + groups), seed=trial)
        held += (
            found.balanced_accuracy_low <= truth <= found.balanced_accuracy_high,
            found.auroc_low <= truth <= found.auroc_high,
        )
    assert held.min() / 200 >= 0.9


@pytest.mark.parametrize(("firing", "silent"), [(2.0, 0.0), (0.0, 2.0), (1.0, 1.0), (0.0, 0.0)])
def test_intervals_of_scores_all_alike_are_shares_and_hold_what_they_are_of(firing: float, silent: float) -> None:
    group = np.arange(40) // 5
    for seed in range(10):
        found = detection_figures((np.full(40, firing), np.full(40, silent)), (group, group + 8), seed=seed)
        assert 0 <= found.auroc_low <= found.auroc <= found.auroc_high <= 1
        assert 0 <= found.balanced_accuracy_low <= found.balanced_accuracy <= found.balanced_accuracy_high <= 1
        if firing == silent:
            assert found.auroc_low < 0.5 < found.auroc_high


def test_few_groups_are_too_few_however_many_contexts() -> None:
    many = np.arange(40)
    assert enough_groups((many, many))
    assert not enough_groups((many % 4, many))
    assert not enough_groups((many, many[:0]))


def test_wrong_labels_are_of_other_features_share_no_word_and_are_as_common() -> None:
    rng = np.random.default_rng(4)
    share = np.sort(rng.random(200))
    feature = np.arange(200) // 2
    items = [frozenset({place % 50, 50 + place}) for place in range(200)]
    for label, wrong in enumerate(wrong_labels(feature, items, share)):
        assert len(set(feature[wrong])) == 20
        assert feature[label] not in feature[wrong]
        assert all(not items[label] & items[other] for other in wrong)
        nearest = np.sort(np.abs(share - share[label]))
        assert np.abs(share[wrong] - share[label]).max() <= nearest[60]


def test_labels_without_words_are_no_wrong_labels() -> None:
    feature = np.arange(60)
    items = [frozenset({place} if place % 2 else ()) for place in range(60)]
    share = np.where(feature % 2, 0.5, 0.0)
    for label, wrong in enumerate(wrong_labels(feature, items, share)):
        assert len(wrong) == 20
        assert all(items[other] for other in wrong)
        assert label not in wrong
