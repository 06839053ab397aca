"""Two boxes of sentences: figures as scikit-learn and scipy have them, over features that fire in some sentences."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from scipy.stats import false_discovery_control, fisher_exact
from sklearn.metrics import roc_auc_score

from ingest.search.examples import (
    Maxima,
    example_maxima,
    features_told_apart,
    few_sentences_warning,
    rank_features_of_saes,
)
from tests.made.sparse_cases import Case, cases


@settings(max_examples=50, deadline=None)
@given(cases())
def test_figures_are_those_of_scikit_learn_and_scipy(case: Case) -> None:
    feature, sentence, activation = case.rows
    rows = features_told_apart(Maxima(feature, sentence, activation), case.positive)
    assert sorted(rows["feature"].to_pylist()) == np.flatnonzero(case.dense.any(axis=1)).tolist()
    n_positive, n_negative = case.sizes
    for row in rows.to_pylist():
        scores = case.dense[row["feature"]]
        hits, misses = (scores[case.positive] > 0).sum(), (scores[~case.positive] > 0).sum()
        assert (row["fires_positive"], row["fires_negative"]) == (hits, misses)
        assert row["auroc"] == pytest.approx(roc_auc_score(case.positive, scores))
        assert row["p"] == pytest.approx(
            fisher_exact([[hits, misses], [n_positive - hits, n_negative - misses]]).pvalue
        )
        assert row["mean_positive"] == pytest.approx(scores[case.positive].mean())
        assert row["mean_negative"] == pytest.approx(scores[~case.positive].mean())
    areas = rows["auroc"].to_pylist()
    assert areas == sorted(areas, reverse=True)


@settings(max_examples=20, deadline=None)
@given(cases(), cases())
def test_features_of_two_saes_are_in_one_order_with_one_q(one: Case, other: Case) -> None:
    tables = [features_told_apart(Maxima(*case.rows), case.positive) for case in (one, other)]
    rows = rank_features_of_saes(tables)
    assert len(rows) == sum(map(len, tables))
    assert rows["auroc"].to_pylist() == sorted(rows["auroc"].to_pylist(), reverse=True)
    np.testing.assert_allclose(rows["q"], false_discovery_control(rows["p"]))
    for place, table in enumerate(tables):
        own = rows.filter(pc.equal(rows["sae"], place)).drop_columns(["sae", "q"])
        assert own.to_pylist() == table.to_pylist()


def test_a_sentence_of_several_windows_counts_once_by_its_maximum() -> None:
    rows = {
        "window": [0, 1, 1, 2],
        "position": [1, 1, 2, 1],
        "feature": [7, 7, 7, 9],
        "activation": [1.0, 3.0, 2.0, 5.0],
    }
    maxima = example_maxima(pa.table(rows), np.array([0, 0, 1]))
    assert (maxima.feature.tolist(), maxima.sentence.tolist(), maxima.activation.tolist()) == (
        [7, 9],
        [0, 1],
        [3.0, 5.0],
    )


def test_a_few_sentences_are_too_few_to_test() -> None:
    assert few_sentences_warning(5, 5) is None
    assert (
        few_sentences_warning(4, 9) == "4 positive and 9 negative sentences are too few to test; 5 of each are needed"
    )
