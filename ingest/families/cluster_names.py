"""The tokens that are most particular to each cluster: what it is called by.

Each feature shares one vote among the tokens that it fires on, by activation. A token's weight in a cluster is its
share of the cluster's votes, times log(1 + A / f), f being its votes over all clusters and A the votes of a cluster on
average: what every cluster fires on names none.

Source: Grootendorst 2022, "BERTopic", section 3.3 (class-based TF-IDF), with votes in the place of counts.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ingest.families.largest_entries import largest_each

NAMED = 5
"""Tokens that name a cluster."""


class Names(NamedTuple):
    """The tokens that name clusters, the most particular first.

    Shapes: each (name,); share is the part of the cluster's votes that the token has.
    """

    cluster: Int[np.ndarray, " name"]
    rank: Int[np.ndarray, " name"]
    token: Int[np.ndarray, " name"]
    weight: Float[np.ndarray, " name"]
    share: Float[np.ndarray, " name"]


def name_clusters(
    cluster: Int[np.ndarray, " row"],
    feature: Int[np.ndarray, " row"],
    token: Int[np.ndarray, " row"],
    mass: Float[np.ndarray, " row"],
    most: int = NAMED,
) -> Names:
    """Names from rows of a feature, a token that it fires on, and its activation there in all.

    `cluster` is that of the row's feature; `token` counts from 0.
    """
    if not len(cluster):
        return Names(cluster, cluster, token, mass, mass)
    vote = mass / np.bincount(feature, weights=mass)[feature]
    clusters, tokens = int(cluster.max()) + 1, int(token.max()) + 1
    key, place = np.unique(cluster.astype(np.int64) * tokens + token, return_inverse=True)
    held = np.bincount(place, weights=vote)
    votes = np.bincount(cluster, weights=vote, minlength=clusters)
    everywhere = np.bincount(token, weights=vote)
    average = votes.sum() / np.count_nonzero(votes)
    at, said = key // tokens, key % tokens
    share = held / votes[at]
    weight = share * np.log1p(average / everywhere[said])
    kept = largest_each(at, said, weight, most)
    return Names(at[kept.entry], kept.rank, said[kept.entry], weight[kept.entry], share[kept.entry])
