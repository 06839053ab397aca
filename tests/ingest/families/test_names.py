"""What clusters are called by, and directions made of company."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.cluster import SpectralClustering
from sklearn.metrics import adjusted_rand_score

from ingest.families.cluster_names import name_clusters
from ingest.families.coactive_pairs import features_firing_with, place_by_coactive_pairs
from ingest.families.products import Firing
from ingest.families.silhouette import cluster_from_seeds


def test_a_cluster_is_named_by_its_own_token_and_not_by_that_of_all() -> None:
    cluster, feature, token, mass = np.array(
        [(0, 0, 0, 5), (0, 0, 1, 5), (0, 1, 0, 90), (0, 1, 1, 10), (1, 2, 0, 3), (1, 2, 2, 2), (1, 3, 0, 1)]
    ).T
    names = name_clusters(cluster, feature, token, mass.astype(float), most=2)
    assert names.cluster.tolist() == [0, 0, 1, 1]
    shares = {0: {0: 0.7, 1: 0.3}, 1: {0: 0.8, 2: 0.2}}
    everywhere = {0: 3.0, 1: 0.6, 2: 0.4}
    for at, said, weight, share in zip(names.cluster, names.token, names.weight, names.share, strict=True):
        assert share == pytest.approx(shares[at][said])
        assert weight == pytest.approx(shares[at][said] * np.log(1 + 2 / everywhere[said]))
    cluster, feature = np.repeat([0, 1, 2, 3], 2), np.repeat(np.arange(4), 2)
    token = np.array([9, 0, 9, 1, 9, 2, 9, 3])
    assert name_clusters(cluster, feature, token, np.ones(8), most=1).token.tolist() == [0, 1, 2, 3]


def test_a_feature_has_one_vote_however_often_it_fires() -> None:
    cluster, feature, token = np.zeros(3, int), np.array([0, 1, 2]), np.array([4, 5, 5])
    names = name_clusters(cluster, feature, token, np.array([1e6, 1.0, 1.0]))
    assert dict(zip(names.token.tolist(), names.share.tolist(), strict=True)) == pytest.approx({4: 1 / 3, 5: 2 / 3})


def together(seed: int, groups: int, each: int, tokens: int = 3000) -> np.ndarray:
    """Features of a group fire where their group's topic is."""
    rng = np.random.default_rng(seed)
    topic = rng.integers(groups, size=tokens)
    chance = np.where(topic[:, None] == np.repeat(np.arange(groups), each)[None], 0.3, 0.01)
    return (rng.random((tokens, groups * each)) < chance).astype(np.float32)


@pytest.mark.parametrize("by_lift", [False, True])
def test_what_fires_together_is_placed_together(by_lift: bool) -> None:
    fires = together(0, 5, 8)
    pairs = features_firing_with(Firing([csr_array(fires)], 40, len(fires)), 50, by_lift=by_lift).pairs
    value = np.maximum(np.log2(pairs.lift(len(fires))), 0) if by_lift else pairs.jaccard
    placed = place_by_coactive_pairs(pairs, value, 0)
    planted = np.repeat(np.arange(5), 8)[placed.feature]
    found = cluster_from_seeds(placed.unit, 5, 0)[0].cluster
    assert adjusted_rand_score(planted, found) == 1
    similar = np.full((40, 40), 1e-6)
    similar[pairs.feature, pairs.other] = value
    other = SpectralClustering(5, affinity="precomputed", random_state=0).fit(np.maximum(similar, similar.T)).labels_
    assert adjusted_rand_score(other[placed.feature], found) == 1


def test_features_without_company_are_not_placed() -> None:
    fires = np.zeros((20, 5), np.float32)
    fires[:6, 1] = fires[:6, 3] = fires[3:9, 4] = 1
    fires[10:13, 0] = 1
    pairs = features_firing_with(Firing([csr_array(fires)], 5, 20)).pairs
    placed = place_by_coactive_pairs(pairs, pairs.jaccard, 0)
    assert placed.feature.tolist() == [1, 3, 4]
    np.testing.assert_allclose(np.linalg.norm(placed.unit, axis=1), 1, atol=1e-6)
    nothing = features_firing_with(Firing([csr_array(np.zeros((4, 3), np.float32))], 3, 4)).pairs
    assert len(place_by_coactive_pairs(nothing, nothing.jaccard, 0).feature) == 0
