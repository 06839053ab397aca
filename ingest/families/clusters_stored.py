"""Clusterings in an atlas: found again, replaced, and named by their tokens."""

from dataclasses import asdict

import numpy as np
import pyarrow as pa
from sqlalchemy import delete, insert

from ingest.families.cluster_names import name_clusters
from ingest.families.clustering import Clustered, Measure, Wanted
from ingest.families.silhouette import SEEDS
from schema import tables
from schema.store import Atlas

OF_CLUSTERING = (
    tables.cluster_contrast,
    tables.cluster_token,
    tables.feature_cluster,
    tables.cluster,
    tables.clustering_choice,
    tables.clustering,
)


def stored_clustering(atlas: Atlas, sae: int, measure: Measure, inputs: str | None = None) -> int | None:
    """The key of a clustering, of just these inputs where they are given; None if it is not stored."""
    sql = "SELECT clustering FROM clustering WHERE sae = ? AND measure = ? AND inputs_hash = COALESCE(?, inputs_hash)"
    rows = atlas.rows(sql, [sae, measure, inputs])
    return int(rows[0][0]) if rows else None


def store_clustering(
    atlas: Atlas, sae: int, measure: Measure, found: tuple[Clustered, Wanted], told: tuple[str, int]
) -> int:
    """Replace a clustering of an SAE; `told` is the hash of its inputs, and the run. Inside a transaction only."""
    (made, wanted), (inputs, run) = found, told
    older = stored_clustering(atlas, sae, measure)
    for table in OF_CLUSTERING:
        atlas.connection.execute(delete(table).where(table.c.clustering == (-1 if older is None else older)))
    key = atlas.next_key(tables.clustering)
    row = {"clustering": key, "sae": sae, "measure": measure, "ingest_run": run, "inputs_hash": inputs}
    atlas.connection.execute(insert(tables.clustering), row | _summary(made, wanted))
    if made.tried:
        tried = [{"clustering": key, **choice._asdict()} for choice in made.tried]
        atlas.connection.execute(insert(tables.clustering_choice), tried)
    atlas.append(tables.cluster, _clusters(made, key))
    atlas.append(tables.feature_cluster, _members(made, key, sae))
    return key


def name_stored_clusters(atlas: Atlas, clustering: int) -> pa.Table:
    """The tokens that name the clusters of a stored clustering, by what their features fire on now."""
    rows = atlas.arrow(
        """
        SELECT cluster, feature, token_id, sum_activation
        FROM feature_cluster
        JOIN feature_top_token USING (sae, feature)
        WHERE clustering = $clustering
        ORDER BY cluster, feature, token_id
        """,
        {"clustering": clustering},
    )
    names = name_clusters(*(column.to_numpy() for column in rows.columns))
    return pa.table(
        {
            "clustering": np.full(len(names.cluster), clustering, np.int32),
            "cluster": names.cluster.astype(np.int32),
            "rank": names.rank.astype(np.int16),
            "token_id": names.token.astype(np.int32),
            "share": names.share,
            "weight": names.weight,
        }
    )


def stored_cluster_names(atlas: Atlas, clustering: int) -> pa.Table:
    """The names that are stored, in the order and the columns of `name_stored`."""
    columns = ", ".join(column.name for column in tables.cluster_token.columns)
    sql = f"SELECT {columns} FROM cluster_token WHERE clustering = $clustering ORDER BY cluster, rank"
    return atlas.arrow(sql, {"clustering": clustering})


def replace_cluster_names(atlas: Atlas, clustering: int, names: pa.Table) -> None:
    """Store names in the place of those that are stored; to be called inside a transaction."""
    atlas.rows("DELETE FROM cluster_token WHERE clustering = ?", [clustering])
    atlas.append(tables.cluster_token, names)


def _summary(made: Clustered, wanted: Wanted) -> dict[str, object]:
    return {
        "features": len(made.feature),
        "clusters": made.clusters,
        "criterion": "silhouette" if made.tried else "asked",
        "silhouette": float(made.silhouette.mean(dtype=float)),
        "silhouette_shuffled": made.silhouette_shuffled,
        "seed": wanted.seed,
        "seeds": SEEDS,
        "rand_mean": made.stability.mean,
        "rand_least": made.stability.least,
        "map_method": None if made.layout is None else "t-SNE",
        "map_parameters": None if made.layout is None else asdict(made.layout),
        "trustworthiness": made.trust and made.trust[0],
        "trustworthiness_neighbours": made.trust and made.trust[1],
    }


def _clusters(made: Clustered, key: int) -> pa.Table:
    numbers = range(made.clusters)
    members = [made.cluster == number for number in numbers]
    middles = None if made.place is None else np.array([np.median(made.place[inside], axis=0) for inside in members])
    return pa.table(
        {
            "clustering": np.full(len(members), key, np.int32),
            "cluster": np.arange(len(members), dtype=np.int32),
            "features": np.array([inside.sum() for inside in members], np.int32),
            "silhouette": np.array([made.silhouette[inside].mean(dtype=float) for inside in members]),
            "stability": made.stability_each,
            "x": pa.nulls(len(members), pa.float64()) if middles is None else middles[:, 0],
            "y": pa.nulls(len(members), pa.float64()) if middles is None else middles[:, 1],
        }
    )


def _members(made: Clustered, key: int, sae: int) -> pa.Table:
    rows = len(made.feature)
    nowhere = pa.nulls(rows, pa.float32())
    return pa.table(
        {
            "clustering": np.full(rows, key, np.int32),
            "sae": np.full(rows, sae, np.int16),
            "feature": made.feature.astype(np.int32),
            "cluster": made.cluster.astype(np.int32),
            "silhouette": made.silhouette.astype(np.float32),
            "x": nowhere if made.place is None else made.place[:, 0].astype(np.float32),
            "y": nowhere if made.place is None else made.place[:, 1].astype(np.float32),
        }
    )
