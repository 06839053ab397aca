"""The set of features of a contrast: chosen on one half, judged on the other, whatever the order of features."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from ingest.contrasts.confirmation import confirmation_draws
from ingest.contrasts.feature_sets import Together
from ingest.contrasts.scores import Scores
from tests.made.apart import documents_of, judge_set, relabelled, scores_of


def of_columns(scores: Scores, x: np.ndarray, features: range) -> Scores:
    """The scores of these features, given densely as (document, feature)."""
    feature, document = np.nonzero(x.T)
    score, once = x[document, feature], np.ones(len(feature), dtype=int)
    return replace(
        scores,
        features=features,
        feature=feature,
        document=document,
        score=score,
        total=score * 2,
        active=once,
        bos=np.zeros(len(features)),
    )


def planted(seed: int) -> tuple[Scores, np.ndarray]:
    """240 documents; features 0 to 39 are near-copies of one, 40 fires where they do not, 160 mean nothing."""
    rng = np.random.default_rng(seed)
    scores = relabelled(rng, scores_of(rng, documents_of(np.arange(240), 100), 1))
    positive = scores.documents.positive
    x = rng.gamma(1.0, size=(240, 200)) * (rng.random((240, 200)) < 0.3)
    first = positive & (rng.random(240) < 0.6)
    x[:, :40] = first[:, None] * 3 * rng.normal(1, 0.1, (240, 40))
    x[:, 40] = (positive & ~first & (rng.random(240) < 0.9)) * (2 + rng.random(240)) + (rng.random(240) < 0.05)
    return scores, x


def test_near_copies_are_one_finding_and_the_set_does_better_than_any_of_them() -> None:
    scores, x = planted(1)
    together = Together(scores.documents)
    for part in np.array_split(np.arange(200), 3):
        together.add(of_columns(scores, x[:, part], range(part[0], part[-1] + 1)))
    rows, summary = together.rows(confirmation_draws(scores.documents))
    features = rows["feature"].to_numpy()
    assert sum(features < 40) == 1
    assert rows["copies"].to_numpy()[features < 40] == 39
    assert 40 in features
    assert summary["set_size"] == len(features) <= 4
    inside, positive = scores.documents.confirmation, scores.documents.positive[scores.documents.confirmation]
    decision = x[inside][:, features] @ rows["weight"].to_numpy() + summary["set_bias"]
    assert summary["set_auroc"] == pytest.approx(roc_auc_score(positive, decision))
    assert summary["set_accuracy"] == pytest.approx((positive == (decision > 0)).mean())
    assert summary["set_f1"] == pytest.approx(f1_score(positive, decision > 0))
    low, auroc, high = (summary[f"set_auroc{end}"] or 0 for end in ("_low", "", "_high"))
    assert low <= auroc <= high
    assert auroc > max(roc_auc_score(positive, x[inside][:, feature]) for feature in features) + 0.05


def test_neither_the_order_of_features_nor_their_ranges_matter() -> None:
    scores, x = planted(2)
    order = np.random.default_rng(0).permutation(200)
    found = []
    for columns, cuts in ((np.arange(200), 1), (order, 7)):
        together = Together(scores.documents)
        for part in np.array_split(np.arange(200), cuts):
            together.add(of_columns(scores, x[:, columns[part]], range(part[0], part[-1] + 1)))
        rows, summary = together.rows(confirmation_draws(scores.documents))
        found.append((columns[rows["feature"].to_numpy()].tolist(), rows["weight"].to_numpy(), summary["set_auroc"]))
    assert found[0][0] == found[1][0]
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-6)
    assert found[0][2] == pytest.approx(found[1][2])


@pytest.mark.parametrize(
    ("group", "likes_books"),
    [(np.arange(120), 0.0), (np.repeat(np.arange(40), 3), 1.5)],
    ids=["documents", "books"],
)
def test_where_labels_mean_nothing_there_is_no_set(group: np.ndarray, likes_books: float) -> None:
    rng = np.random.default_rng(5)
    scores = scores_of(rng, documents_of(group, 60), 600, likes_books)
    judged = [judge_set(relabelled(rng, scores)) for _ in range(8)]
    assert sum(one.size > 0 for one in judged) <= 3
    assert sum(one.confirmed for one in judged) <= 1
