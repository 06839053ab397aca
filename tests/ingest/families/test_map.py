"""The map: planted groups lie apart, a seed gives the same, trustworthiness is that of scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.manifold import trustworthiness as reference
from sklearn.metrics import silhouette_score

from ingest.families.map import Layout, lay_out_feature_map, trustworthiness
from ingest.families.neighbours import nearest_rows


def directions(rows: int, clusters: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    planted = np.arange(rows) % clusters
    unit = rng.normal(size=(clusters, 20))[planted] + 0.3 * rng.normal(size=(rows, 20))
    return (unit / np.linalg.norm(unit, axis=1, keepdims=True)).astype(np.float32), planted


def test_groups_lie_apart_and_a_seed_gives_the_same_map() -> None:
    unit, planted = directions(180, 6)
    layout = Layout(perplexity=10, early_rounds=100, rounds=200).of(180)
    near = nearest_rows(torch.from_numpy(unit), layout.neighbours)
    place = lay_out_feature_map(unit, near, layout)
    assert silhouette_score(place, planted) > 0.5
    assert np.linalg.norm(place, axis=1).max() == pytest.approx(1)
    np.testing.assert_allclose(place.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_array_equal(place, lay_out_feature_map(unit, near, layout))
    assert trustworthiness(unit, place, 10) > 0.95
    assert trustworthiness(unit, np.random.default_rng(1).permutation(place), 10) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("neighbours", [3, 12])
def test_trustworthiness_is_that_of_scikit_learn(neighbours: int) -> None:
    rng = np.random.default_rng(3)
    unit, place = rng.normal(size=(90, 8)), rng.normal(size=(90, 2))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    expected = reference(unit, place, n_neighbors=neighbours, metric="cosine")
    assert trustworthiness(unit, place, neighbours) == pytest.approx(expected, abs=1e-12)


def test_a_sample_tells_nearly_the_same() -> None:
    unit, _ = directions(300, 4)
    place = unit[:, :2]
    whole = trustworthiness(unit, place, 10)
    assert trustworthiness(unit, place, 10, sample=120) == pytest.approx(whole, abs=0.03)


def test_what_cannot_be_drawn_is_refused() -> None:
    unit, _ = directions(30, 3)
    near = nearest_rows(torch.from_numpy(unit), 12)
    with pytest.raises(ValueError, match="needs 8 features"):
        lay_out_feature_map(unit[:5], near, Layout().of(5))
    with pytest.raises(ValueError, match="neighbours of each feature"):
        lay_out_feature_map(unit, near, Layout(perplexity=9))
    with pytest.raises(ValueError, match="more than 30 rows"):
        trustworthiness(unit, unit[:, :2], 15)
