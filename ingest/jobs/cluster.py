"""The cluster job: clusters of an SAE's features by decoder direction and by co-activation, their names, their map.

A clustering is a transaction of its own and stands while what it was computed from is the same. The tokens that name
its clusters, and what contrasts say of them, are brought up to date each time.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from ingest.families.cluster_contrasts import cluster_contrast_rows, contrasts_unsaid
from ingest.families.clustering import (
    FEWEST_CLUSTERED,
    MEASURES,
    Measure,
    Wanted,
    cluster_features,
    place_by_decoder,
    place_by_firing,
)
from ingest.families.clusters_stored import (
    name_stored_clusters,
    replace_cluster_names,
    store_clustering,
    stored_cluster_names,
    stored_clustering,
)
from ingest.families.coactive_pairs import Placed
from ingest.families.firing import coverage_hash, read_firing, room_for_sums
from ingest.families.stored_saes import (
    load_stored_row,
    stored_sae_keys,
    stored_sae_label,
    stored_sae_names,
    stored_sae_weights_hash,
)
from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.run_record import RunRecord
from schema import tables
from schema.errors import SelectionError
from schema.methods import method_revision
from schema.store import Atlas, open_atlas


@dataclass(frozen=True)
class ClusterRequest:
    """Which SAEs' features to cluster, by what, and into how many clusters; of each SAE, where none is named."""

    atlas: Path
    saes: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = MEASURES
    clusters: int | None = None
    seed: int = 0

    @property
    def wanted(self) -> Wanted:
        """How clusters are to be made."""
        return Wanted(self.clusters, self.seed)


@dataclass(frozen=True)
class ClusterResult:
    """A clustering of an SAE: its key, None where there are too few features; `known` where it was stored before."""

    sae: str
    measure: Measure
    clustering: int | None
    known: bool


def cluster(request: ClusterRequest, report: Report = silent_report) -> list[ClusterResult]:
    """Cluster the features of SAEs; where a name has rows of other weights, these are passed over by direction.

    Raises:
        SelectionError: an SAE that the atlas does not hold, or that has other weights now; more clusters than features.
        ModelError: an SAE that cannot be loaded.
        AtlasFileError: the atlas cannot be opened.
    """
    with open_atlas(request.atlas) as atlas:
        return cluster_into(atlas, request, report)


def cluster_into(atlas: Atlas, request: ClusterRequest, report: Report = silent_report) -> list[ClusterResult]:
    """Cluster the features of SAEs of an open atlas; each is loaded when the one before is done."""
    found = []
    arguments = {name: value for name, value in asdict(request).items() if name != "atlas"}
    with RunRecord(atlas, "cluster", arguments, "cpu") as record:
        for name in request.saes or stored_sae_names(atlas):
            for key in stored_sae_keys(atlas, name):
                for measure in request.measures:
                    found.append(_bring_up(record, (name, key), measure, request.wanted, report))
    return [one for one in found if one is not None]


def _bring_up(
    record: RunRecord, sae: tuple[str, int], measure: Measure, wanted: Wanted, report: Report
) -> ClusterResult | None:
    """Compute a clustering that is not stored of these inputs, then its names and what contrasts say.

    None where the weights that it needs cannot be had.
    """
    atlas, (_, key) = record.atlas, sae
    label = stored_sae_label(atlas, key)
    inputs = _inputs(atlas, key, measure, wanted)
    clustering = stored_clustering(atlas, key, measure, inputs)
    known = clustering is not None
    if clustering is None:
        stage = f"{label} by {measure}"
        placed = _placed(
            atlas,
            sae,
            (measure, wanted.seed),
            lambda done, total: report(Progress(f"{stage}: counting together", done, total, "features")),
        )
        if placed is None:
            return None
        if len(placed.feature) < max(FEWEST_CLUSTERED, wanted.clusters or 0):
            return _too_few(label, measure, len(placed.feature), wanted)
        made = cluster_features(
            placed, wanted, lambda what, done, total: report(Progress(f"{stage}: {what}", done, total, "steps"))
        )
        with atlas.transaction():
            clustering = store_clustering(atlas, key, measure, (made, wanted), (inputs, record.start()))
    _describe(record, clustering)
    return ClusterResult(label, measure, clustering, known)


def _placed(
    atlas: Atlas, sae: tuple[str, int], drawn: tuple[Measure, int], report: Callable[[int, int], None]
) -> Placed | None:
    (name, key), (measure, seed) = sae, drawn
    if measure == "decoder":
        own = load_stored_row(atlas, name, key)
        return None if own is None else place_by_decoder(own.W_dec)
    with room_for_sums(atlas) as held:
        return place_by_firing(read_firing(atlas, key), measure, seed, report, held)


def _too_few(label: str, measure: Measure, features: int, wanted: Wanted) -> ClusterResult:
    if wanted.clusters and features >= FEWEST_CLUSTERED:
        raise SelectionError(
            f"{label} has {features:,} features to cluster by {measure}: too few for {wanted.clusters:,} clusters"
        )
    return ClusterResult(label, measure, None, known=False)


def _describe(record: RunRecord, clustering: int) -> None:
    """Bring the names of clusters, and what contrasts say of them, up to date."""
    atlas = record.atlas
    names = name_stored_clusters(atlas, clustering)
    if not names.equals(stored_cluster_names(atlas, clustering)):
        with atlas.transaction():
            record.start()
            replace_cluster_names(atlas, clustering, names)
    for contrast, unit in contrasts_unsaid(atlas, clustering):
        rows = cluster_contrast_rows(atlas, clustering, contrast, unit)
        with atlas.transaction():
            record.start()
            atlas.append(tables.cluster_contrast, rows)


def _inputs(atlas: Atlas, key: int, measure: Measure, wanted: Wanted) -> str:
    """A hash of what a clustering is computed from."""
    read = stored_sae_weights_hash(atlas, key) if measure == "decoder" else coverage_hash(atlas, key)
    return hashlib.sha256(json.dumps([method_revision("clusters"), measure, read, asdict(wanted)]).encode()).hexdigest()
