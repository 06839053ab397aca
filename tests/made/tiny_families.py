"""Planted families of the tiny atlas: co-activation counted from its rows, clusters and matches round.

The second SAE holds the first one's features three places on, so that these are each other's match; feature 4 of the
first is split in the second, where 7 and 8 are both like it. The first has two clusterings, the second one.
"""

import json
from collections import defaultdict
from itertools import permutations
from typing import Any

Row = dict[str, Any]

SHIFT = 3
SPLIT, PART = 4, 8
"""A feature of the first SAE, and another one of the second that is like it."""
HASH = "c" * 64
CLUSTERINGS = ((0, 0, "decoder", 3), (1, 0, "jaccard", 2), (2, 1, "decoder", 3))
"""Clustering, SAE, measure, clusters."""
TOKENS = (" causes", " a", " the", " Tagus.", " cancer")


def family_rows(tokens: list[Row], activations: list[Row], features: int) -> dict[str, list[Row]]:
    """Rows of the tables of families, by table."""
    found: dict[str, list[Row]] = defaultdict(list)
    for sae in (0, 1):
        fires: dict[int, set[tuple[int, int]]] = defaultdict(set)
        for row in activations:
            if row["sae"] == sae:
                fires[row["feature"]].add((row["context"], row["position"]))
        found["feature_coactivation"] += _together(sae, fires, len(tokens))
        header = {"sae": sae, "ingest_run": 0, "tokens": len(tokens), "features": len(fires)}
        found["sae_coactivation"].append(header | {"coverage_hash": HASH})
        found["sae_match"].append(_header(sae, len(tokens)))
        found["feature_match"] += _matches(sae, features)
    ids = {row["text"]: row["token_id"] for row in tokens}
    for key, sae, measure, clusters in CLUSTERINGS:
        rows = _clustering(key, sae, measure, clusters)
        members = [feature for feature in range(features) if measure == "decoder" or feature not in (8, 9)]
        rows["feature_cluster"] = [_placed(key, sae, feature, clusters, measure) for feature in members]
        sizes = [sum(feature % clusters == number for feature in members) for number in range(clusters)]
        rows["cluster"] = [_cluster(key, number, size, measure) for number, size in enumerate(sizes)]
        rows["cluster_token"] = list(_names(key, clusters, ids))
        rows["cluster_contrast"] = [_called(key, sae, number, size) for number, size in enumerate(sizes)]
        rows["clustering"][0]["features"] = len(members)
        for table, held in rows.items():
            found[table] += held
    return dict(found)


def _together(sae: int, fires: dict[int, set[tuple[int, int]]], tokens: int) -> list[Row]:
    pairs = []
    for one, other in permutations(sorted(fires), 2):
        both = len(fires[one] & fires[other])
        if both >= 2:
            jaccard = both / len(fires[one] | fires[other])
            lift = both * tokens / (len(fires[one]) * len(fires[other]))
            pairs.append((one, -jaccard, other, {"tokens_both": both, "jaccard": jaccard, "lift": lift}))
    rows: list[Row] = []
    for one, _, other, figures in sorted(pairs, key=lambda pair: pair[:3]):
        rank = 1 + sum(row["feature"] == one for row in rows)
        if rank <= 10:
            rows.append({"sae": sae, "feature": one, "rank": rank, "other_feature": other, **figures})
    return rows


def _header(sae: int, tokens: int) -> Row:
    least = {"least_cosine": 0.7, "least_correlation": 0.5, "chance_cosine": 0.25, "chance_correlation": 0.125}
    return {"sae": sae, "other_sae": 1 - sae, "ingest_run": 0, "tokens": tokens, **least, "inputs_hash": HASH}


def _matches(sae: int, features: int) -> list[Row]:
    """The best match three places on, or back, and by activation the one after it."""
    rows = []
    for feature in range(features):
        best = (feature + (-SHIFT if sae else SHIFT)) % features
        split = bool(sae) and feature in (SPLIT + SHIFT, PART)
        if sae and feature == PART:
            best = SPLIT
        elsewhere = not sae and (feature + SHIFT) % features == PART
        row = {"sae": sae, "feature": feature, "other_sae": 1 - sae, "rank": 1, "other_feature": best}
        told = {"mutual": not (sae and feature == PART) and not elsewhere, "siblings": 1 + split}
        if not sae and feature in (8, 9):
            told |= {"siblings": 1}
        rows.append(row | told | {"measure": "cosine", "cosine": 0.9375 - feature / 64, "correlation": 0.75})
        rows.append(row | told | {"measure": "correlation", "cosine": 0.9375 - feature / 64, "correlation": 0.75})
        second = {"rank": 2, "other_feature": (best + 1) % features, "mutual": False, "siblings": 0}
        rows.append(row | second | {"measure": "correlation", "cosine": None, "correlation": 0.25})
    return rows


def _clustering(key: int, sae: int, measure: str, clusters: int) -> dict[str, list[Row]]:
    drawn = measure == "decoder"
    row = {
        "clustering": key,
        "sae": sae,
        "ingest_run": 0,
        "measure": measure,
        "clusters": clusters,
        "criterion": "silhouette" if drawn else "asked",
        "silhouette": 0.5,
        "silhouette_shuffled": 0.0625,
        "seed": 0,
        "seeds": 5,
        "rand_mean": 0.875,
        "rand_least": 0.75,
        "map_method": "t-SNE" if drawn else None,
        "map_parameters": json.dumps({"perplexity": 3.0, "seed": 0}) if drawn else None,
        "trustworthiness": 0.96875 if drawn else None,
        "trustworthiness_neighbours": 3 if drawn else None,
        "inputs_hash": HASH,
    }
    tried = [{"clustering": key, "clusters": n, "silhouette": 0.5 - abs(n - clusters) / 8} for n in (2, 3, 4)]
    return {"clustering": [row], "clustering_choice": tried if drawn else []}


def _placed(key: int, sae: int, feature: int, clusters: int, measure: str) -> Row:
    place = {"x": (feature % clusters - 1) / 2, "y": feature / 16 - 0.25} if measure == "decoder" else {}
    own = {"clustering": key, "sae": sae, "feature": feature, "cluster": feature % clusters}
    return own | {"silhouette": 0.75 - feature / 16, "x": None, "y": None} | place


def _cluster(key: int, number: int, size: int, measure: str) -> Row:
    middle = {"x": (number - 1) / 2, "y": 0.125} if measure == "decoder" else {"x": None, "y": None}
    own = {"clustering": key, "cluster": number, "features": size}
    return own | {"silhouette": 0.5 - number / 16, "stability": 1 - number / 8, **middle}


def _names(key: int, clusters: int, ids: dict[str, int]) -> list[Row]:
    return [
        {"clustering": key, "cluster": number, "rank": rank, "token_id": ids[TOKENS[(number + rank) % len(TOKENS)]]}
        | {"share": 0.5 / rank, "weight": 1.0 / rank}
        for number in range(clusters)
        for rank in (1, 2, 3)
    ]


def _called(key: int, sae: int, number: int, size: int) -> Row:
    own = {"contrast": 0, "sae": sae, "clustering": key, "cluster": number}
    called = {"tested": size - 1, "called": max(0, 2 - number), "auroc": 0.875 - number / 8}
    return own | called | {"p": 2.0 ** (number - 6), "q": 2.0 ** (number - 5) if number < 2 else None}
