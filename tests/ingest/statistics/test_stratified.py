"""The rank-sum test within strata, against its definition."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from ingest.statistics.lengths import difference_p, length_classes, lengths_of
from ingest.statistics.stratified import stratified_rank_sum


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_weighted_sum_of_its_strata(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dense = np.round(rng.gamma(1.0, 2.0, (6, 80)) * (rng.random((6, 80)) < 0.5), 1)
    positive, stratum = rng.random(80) < 0.4, rng.integers(0, 3, 80)
    positive[stratum == 2] = True  # no control: it says nothing
    feature, document = np.nonzero(dense)
    found = stratified_rank_sum(feature, dense[feature, document], document, positive, stratum, 6)
    for number, score in enumerate(dense):
        won = pairs = above = variance = 0.0
        for place in (0, 1):
            x, y = (score[(stratum == place) & side] for side in (positive, ~positive))
            n, both = len(x) + len(y), len(x) * len(y)
            won += roc_auc_score(positive[stratum == place], score[stratum == place]) * both / (n + 1)
            pairs += both / (n + 1)
            ranks = stats.rankdata(np.concatenate([x, y]))
            above += (ranks[: len(x)].sum() - len(x) * (n + 1) / 2) / (n + 1)
            variance += both / n * ranks.var(ddof=1) / (n + 1) ** 2
        assert found.auroc[number] == pytest.approx(won / pairs, rel=1e-12)
        assert found.p[number] == pytest.approx(2 * stats.norm.sf(abs(above) / variance**0.5), rel=1e-9)


def test_without_both_sides_in_a_stratum_nothing_is_known() -> None:
    found = stratified_rank_sum(
        np.array([0]), np.array([1.0]), np.array([0]), np.array([True, False]), np.array([0, 1]), 1
    )
    assert np.isnan(found.auroc[0])
    assert found.p[0] == 1


def test_a_feature_of_length_alone_is_told_by_the_strata() -> None:
    rng = np.random.default_rng(0)
    positive = np.arange(4000) < 2000
    length = np.where(positive, rng.integers(20, 120, 4000), rng.integers(40, 128, 4000))
    score = np.array([rng.random(size).max() for size in length])
    everywhere = np.zeros(4000, dtype=int)
    found = stratified_rank_sum(everywhere, score, np.arange(4000), positive, length_classes(length), 1)
    assert roc_auc_score(positive, score) < 0.46
    assert abs(found.auroc[0] - 0.5) < abs(roc_auc_score(positive, score) - 0.5) / 4


def test_classes_of_length() -> None:
    assert length_classes(np.array([5, 1, 4, 2, 3])).tolist() == [4, 0, 3, 1, 2]
    assert set(length_classes(np.full(9, 127))) == {0}
    assert length_classes(np.array([], dtype=int)).tolist() == []
    length = np.random.default_rng(1).integers(1, 128, 500)
    classes = length_classes(length)
    assert np.bincount(classes).min() > 80
    assert all(length[classes == low].max() < length[classes == low + 1].min() for low in range(4))
    assert lengths_of(np.array([1, 2, 3, 4])) == (1.75, 2.5, 3.25)


def test_lengths_that_differ_have_a_small_p() -> None:
    rng = np.random.default_rng(2)
    positive, length = np.arange(60) < 25, rng.integers(5, 40, 60)
    expected = stats.mannwhitneyu(length[positive], length[~positive], method="asymptotic").pvalue
    assert difference_p(length, positive) == pytest.approx(expected, rel=1e-9)
