"""What a contrast says of clusters: how many of a cluster's features it calls, and what it says of the cluster as one.

Features of a cluster fire together, so that the share of them that is called proves nothing by itself: chance calls
them together, too. The cluster is therefore tested as one feature, whose score in a document is how many of its
features fire there; p and q are those of a contrast's features, over clusters.
"""

import numpy as np
import pyarrow as pa

from ingest.contrasts import SHUFFLES
from ingest.contrasts.feature_columns import features_tested
from ingest.contrasts.null import null_shuffles
from ingest.contrasts.scores import Documents, Scores, Unit, read_documents, read_score_chunks
from ingest.statistics.rank_sum import rank_sum
from schema.store import Atlas

LEVEL = 0.05
"""A feature with at most this q that favours the positive side is called."""


def contrasts_unsaid(atlas: Atlas, clustering: int) -> list[tuple[int, Unit]]:
    """The contrasts of the clustering's SAE that have not been asked about its clusters, with their units."""
    rows = atlas.rows(
        """
        SELECT contrast, unit
        FROM clustering
        JOIN sae_contrast USING (sae)
        JOIN contrast USING (contrast)
        WHERE clustering = $clustering
          AND contrast NOT IN (SELECT contrast FROM cluster_contrast WHERE clustering = $clustering)
        ORDER BY contrast
        """,
        {"clustering": clustering},
    )
    return [(int(contrast), unit) for contrast, unit in rows]


def cluster_contrast_rows(atlas: Atlas, clustering: int, contrast: int, unit: Unit) -> pa.Table:
    """The rows of cluster_contrast for a clustering and a contrast."""
    sae, d_sae = atlas.rows(
        "SELECT sae, d_sae FROM clustering JOIN sae USING (sae) WHERE clustering = ?", [clustering]
    )[0]
    cluster = np.full(d_sae, -1)
    of = atlas.arrow("SELECT feature, cluster FROM feature_cluster WHERE clustering = $it", {"it": clustering})
    cluster[of["feature"].to_numpy()] = of["cluster"].to_numpy()
    clusters = int(cluster.max()) + 1
    scores = _counted(atlas, (sae, d_sae), _documents(atlas, contrast, sae, unit), unit, cluster)
    null = null_shuffles(scores.documents, SHUFFLES)
    p = null.add(scores)
    corrected, _ = null.corrected(np.arange(clusters), p, features_tested(scores))
    said, called = _features(atlas, contrast, sae, cluster)
    q = corrected["q"]
    return pa.table(
        {
            "contrast": np.full(clusters, contrast, np.int16),
            "sae": np.full(clusters, sae, np.int16),
            "clustering": np.full(clusters, clustering, np.int32),
            "cluster": np.arange(clusters, dtype=np.int32),
            "tested": said.astype(np.int32),
            "called": called.astype(np.int32),
            "auroc": rank_sum(scores.feature, scores.score, scores.positive, scores.documents.sizes, clusters).auroc,
            "p": p,
            "q": pa.array(q, mask=np.isnan(q)),
        }
    )


def _documents(atlas: Atlas, contrast: int, sae: int, unit: Unit) -> Documents:
    """The documents that a contrast compares, in the order of their texts' hashes, as when it was computed."""
    labels = atlas.rows(
        """
        SELECT document, positive
        FROM contrast_document
        JOIN document USING (document)
        WHERE contrast = ?
          AND sae = ?
        ORDER BY content_hash
        """,
        [contrast, sae],
    )
    return read_documents(atlas, sae, dict(labels), unit)


def _counted(atlas: Atlas, sae: tuple[int, int], documents: Documents, unit: Unit, cluster: np.ndarray) -> Scores:
    """How many features of each cluster fire in each document, as scores of clusters."""
    clusters = int(cluster.max()) + 1
    fires = np.zeros((clusters, len(documents)), np.float32)
    for scores in read_score_chunks(atlas, *sae, documents, unit):
        firing = scores.firing
        here = cluster[scores.features.start + firing.feature]
        known = here >= 0
        np.add.at(fires, (here[known], firing.document[known]), 1)
    row, document = np.nonzero(fires)
    score = fires[row, document]
    silent_on_bos = np.zeros(clusters)
    return Scores(documents, range(clusters), row, document, score, score, score.astype(np.int64), silent_on_bos)


def _features(atlas: Atlas, contrast: int, sae: int, cluster: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each cluster, how many features the contrast tests, and how many of these it calls for the positive side."""
    rows = atlas.arrow(
        """
        SELECT feature, q <= $level AND auroc > 0.5 AS called
        FROM feature_contrast
        WHERE contrast = $contrast
          AND sae = $sae
          AND q IS NOT NULL
        """,
        {"contrast": contrast, "sae": sae, "level": LEVEL},
    )
    here, called = cluster[rows["feature"].to_numpy()], rows["called"].to_numpy(zero_copy_only=False).astype(bool)
    clusters = int(cluster.max()) + 1
    return (
        np.bincount(here[here >= 0], minlength=clusters),
        np.bincount(here[(here >= 0) & called], minlength=clusters),
    )
