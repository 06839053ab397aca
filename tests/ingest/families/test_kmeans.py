"""K-means on directions: planted clusters found, as scikit-learn's finds them; silhouettes and agreement as printed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_samples

from ingest.families.kmeans import cluster_directions
from ingest.families.silhouette import (
    best_cluster_number,
    choose_number,
    cluster_from_seeds,
    cluster_stability,
    seed_stability,
    silhouette,
)


def directions(seed: int, rows: int, clusters: int, spread: float, d: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    planted = np.arange(rows) % clusters
    unit = rng.normal(size=(clusters, d))[planted] + spread * rng.normal(size=(rows, d))
    return unit / np.linalg.norm(unit, axis=1, keepdims=True), planted


@pytest.mark.parametrize("seed", range(4))
def test_planted_clusters_are_found(seed: int) -> None:
    unit, planted = directions(seed, 240, 6, 0.15)
    found = cluster_from_seeds(unit, 6, seed)[0]
    assert adjusted_rand_score(planted, found.cluster) == 1
    assert best_cluster_number(choose_number(unit, seed)) == 6


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), clusters=st.integers(1, 7))
def test_it_ends_where_no_row_gains_by_moving(seed: int, clusters: int) -> None:
    unit, _ = directions(seed, 60, 4, 0.6)
    found = cluster_directions(unit, clusters, seed)
    cosine = unit @ found.centroid.T
    np.testing.assert_allclose(cosine.max(axis=1), cosine[np.arange(60), found.cluster], atol=1e-9)
    sizes = np.bincount(found.cluster, minlength=clusters)
    assert (sizes > 0).all()
    assert sizes.tolist() == sorted(sizes, reverse=True)
    for number in range(clusters):
        middle = unit[found.cluster == number].mean(axis=0)
        np.testing.assert_allclose(found.centroid[number], middle / np.linalg.norm(middle), atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_it_fits_as_well_as_that_of_scikit_learn(seed: int) -> None:
    unit, _ = directions(seed, 300, 8, 0.4)
    other = KMeans(8, n_init=5, random_state=seed).fit(unit).labels_
    means = np.stack([unit[other == number].mean(axis=0) for number in range(8)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    assert cluster_from_seeds(unit, 8, seed)[0].fit >= (unit * means[other]).sum(axis=1).mean() - 0.01


def test_a_seed_gives_the_same_and_more_rows_than_there_are_cannot_be_asked_for() -> None:
    unit, _ = directions(0, 50, 3, 0.5)
    np.testing.assert_array_equal(cluster_directions(unit, 5, 7).cluster, cluster_directions(unit, 5, 7).cluster)
    for clusters in (0, 51):
        with pytest.raises(ValueError, match="cannot be made"):
            cluster_directions(unit, clusters, 0)


def test_copies_of_one_direction_fill_as_many_clusters_as_asked() -> None:
    found = cluster_directions(np.tile([[0.6, 0.8]], (9, 1)), 4, 0)
    assert sorted(set(found.cluster.tolist())) == [0, 1, 2, 3]
    assert found.fit == pytest.approx(1)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), clusters=st.integers(2, 6))
def test_silhouettes_are_those_of_scikit_learn(seed: int, clusters: int) -> None:
    rng = np.random.default_rng(seed)
    unit, _ = directions(seed, 25, 3, 0.8)
    cluster = np.r_[np.arange(clusters), rng.integers(clusters, size=25 - clusters)]
    expected = silhouette_samples(unit, cluster, metric="cosine")
    np.testing.assert_allclose(silhouette(unit, cluster), expected, atol=1e-9)


def test_where_there_are_clusters_seeds_agree_and_where_there_are_none_they_do_not() -> None:
    unit, _ = directions(1, 400, 5, 0.1)
    planted = cluster_from_seeds(unit, 5, 0)
    assert seed_stability(planted) == (1, 1)
    np.testing.assert_allclose(cluster_stability(planted), 1)
    noise = np.random.default_rng(2).normal(size=(400, 40))
    found = cluster_from_seeds(noise / np.linalg.norm(noise, axis=1, keepdims=True), 12, 0)
    assert seed_stability(found).mean < 0.3
    assert cluster_stability(found).max() < 0.7


def test_labels_that_mean_nothing_agree_as_by_chance() -> None:
    unit, _ = directions(4, 300, 5, 0.1)
    runs = cluster_from_seeds(unit, 5, 0, seeds=2)
    rng = np.random.default_rng(0)
    shuffled = [run._replace(cluster=rng.permutation(run.cluster)) for run in runs]
    assert abs(seed_stability(shuffled).mean) < 0.05


def test_stability_of_a_cluster_is_its_overlap_by_hand() -> None:
    unit, _ = directions(0, 6, 2, 0.1)
    first, other = cluster_from_seeds(unit, 2, 0, seeds=2)
    runs = [first._replace(cluster=np.array([0, 0, 0, 1, 1, 1])), other._replace(cluster=np.array([0, 0, 1, 1, 1, 1]))]
    np.testing.assert_allclose(cluster_stability(runs), [2 / 3, 3 / 4])
