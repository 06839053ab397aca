"""The rank-sum test within strata, against its definition."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from ingest.statistics.stratified import length_classes, length_quartiles, stratified_length_p, stratified_rank_sum


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
    assert length_quartiles(np.array([1, 2, 3, 4])) == (1.75, 2.5, 3.25)


@pytest.mark.parametrize("pieces", [1, 3])
def test_lengths_that_differ_have_a_small_p(pieces: int) -> None:
    """scipy enumerates the 126 ways to label nine groups; lengths are of groups, and of their pieces."""
    length = np.repeat([3, 4, 12, 7, 9, 4, 12, 15, 30], pieces)
    positive, group = np.arange(9 * pieces) < 4 * pieces, np.arange(9 * pieces) // pieces
    rank = stats.rankdata(length[::pieces])
    sides, apart = (rank[:4], rank[4:]), lambda x, _: abs(x.sum() - 20)
    expected = stats.permutation_test(sides, apart, n_resamples=np.inf, alternative="greater").pvalue
    assert 0.05 < expected < 0.5
    assert stratified_length_p(length, positive, group) == pytest.approx(expected, rel=1e-9)


def test_pieces_of_few_books_do_not_make_a_difference_in_length_surer() -> None:
    rng = np.random.default_rng(2)
    book = np.arange(240) // 20
    length = (50 + 20 * rng.normal(size=12)[book] + 3 * rng.normal(size=240)).astype(int)
    small = [
        stratified_length_p(length, np.isin(book, rng.choice(12, 4, replace=False)), book) <= 0.05 for _ in range(200)
    ]
    alone = [
        stratified_length_p(length, np.isin(book, rng.choice(12, 4, replace=False)), np.arange(240)) <= 0.05
        for _ in range(20)
    ]
    assert np.mean(small) <= 0.1
    assert np.mean(alone) >= 0.4
