"""The bootstrap: its draws respect groups and sides, and its AUROCs are those of the documents drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats
from sklearn.metrics import roc_auc_score

from ingest.statistics.bootstrap import auroc_intervals, resample_weights, tail_share
from tests.made.sparse_cases import Case, cases, random_case

DRAWS = 20


@settings(max_examples=40, deadline=None)
@given(case=cases())
def test_groups_are_drawn_whole_and_each_kind_as_often_as_it_is_there(case: Case) -> None:
    weights = resample_weights(case.group, case.positive, DRAWS, seed=1)
    kinds: dict[tuple[bool, bool], list[np.ndarray]] = {}
    for group in np.unique(case.group):
        inside = case.group == group
        assert (weights[inside] == weights[inside][0]).all()
        kind = (bool(case.positive[inside].any()), bool((~case.positive[inside]).any()))
        kinds.setdefault(kind, []).append(weights[inside][0])
    for drawn in kinds.values():
        assert (np.sum(drawn, axis=0) == len(drawn)).all()


@settings(max_examples=30, deadline=None)
@given(case=cases())
def test_intervals_are_quantiles_of_aurocs_of_the_documents_drawn(case: Case) -> None:
    feature, document, score = case.rows
    weights = resample_weights(case.group, case.positive, DRAWS, seed=2)
    wanted = np.arange(case.n_features) != 1
    found = auroc_intervals(feature, score, document, case.positive, weights, wanted)
    for number, scores in enumerate(case.dense):
        if not wanted[number]:
            assert np.isnan([found.low[number], found.high[number]]).all()
            continue
        aurocs = [
            roc_auc_score(np.repeat(case.positive, drawn), np.repeat(scores.astype(float), drawn))
            for drawn in weights.T
        ]
        low, high = np.quantile(aurocs, [0.025, 0.975])
        np.testing.assert_allclose([found.low[number], found.high[number]], [low, high], atol=1e-12)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    positive = np.arange(120) < 60
    truth = 0.5
    scores = rng.random((200, 120))
    feature, document = np.nonzero(scores)
    weights = resample_weights(np.arange(120), positive, 300, seed=3)
    found = auroc_intervals(feature, scores[feature, document], document, positive, weights, np.ones(200, bool))
    covered = ((found.low <= truth) & (truth <= found.high)).mean()
    assert 0.89 <= covered <= 0.99


def test_the_same_seed_gives_the_same_draws() -> None:
    case = random_case(3, 2, 30)
    one, other, third = (resample_weights(case.group, case.positive, 5, seed) for seed in (1, 1, 2))
    assert (one == other).all()
    assert (one != third).any()


def test_few_groups_have_wider_intervals() -> None:
    assert tail_share((10_000, 10_000)) == pytest.approx(0.025, rel=0.01)
    assert tail_share((10, 10)) == pytest.approx(stats.norm.sf(stats.t.isf(0.025, 18) * (10 / 9) ** 0.5))
    assert tail_share((5, 5)) < tail_share((5, 50)) < tail_share((50, 50)) < 0.025
