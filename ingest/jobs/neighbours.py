"""The neighbours job: the nearest features of each feature, by decoder direction and by firing on the same tokens.

Directions never change: small SAEs have these neighbours from their registration on. Co-activation is counted anew
when an SAE has encoded other texts than those that the stored counts are of.
"""

from dataclasses import dataclass
from pathlib import Path

from ingest.families.coactivation import coactivation_counted_before, store_coactivation
from ingest.families.coactive_pairs import features_firing_with
from ingest.families.firing import coverage_hash, read_firing, room_for_sums
from ingest.families.neighbours import nearest_rows, opposite_rows
from ingest.families.stored_saes import load_stored, stored_sae_keys, stored_sae_label, stored_sae_names
from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.run_record import RunRecord
from ingest.rows.features import store_neighbour_rows
from schema.store import Atlas, open_atlas


@dataclass(frozen=True)
class NeighboursRequest:
    """Of which SAEs neighbours are to be found; of each that lacks any, where none is named."""

    atlas: Path
    saes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Neighbours:
    """What was found of an SAE: whether its nearest directions are new, and on how many tokens company was counted.

    tokens is None where what is stored is of the same texts.
    """

    sae: str
    directions: bool
    tokens: int | None


def neighbours(request: NeighboursRequest, report: Report = silent_report) -> list[Neighbours]:
    """Find the neighbours of SAEs.

    Raises:
        SelectionError: an SAE that the atlas does not hold, or that has other weights now.
        ModelError: an SAE that cannot be loaded.
        AtlasFileError: the atlas cannot be opened.
    """
    with open_atlas(request.atlas) as atlas:
        return neighbours_into(atlas, request, report)


def neighbours_into(atlas: Atlas, request: NeighboursRequest, report: Report = silent_report) -> list[Neighbours]:
    """Find the neighbours of SAEs of an open atlas; each is loaded when the one before is done."""
    found = []
    with RunRecord(atlas, "neighbours", {"saes": list(request.saes)}, "cpu") as record:
        for name in request.saes or stored_sae_names(atlas):
            keys = stored_sae_keys(atlas, name)
            new = _by_direction(record, name, keys, report)
            for key in keys:
                found.append(Neighbours(stored_sae_label(atlas, key), key in new, _by_company(record, key, report)))
    return [one for one in found if request.saes or one.directions or one.tokens]


def _by_direction(record: RunRecord, name: str, keys: list[int], report: Report) -> list[int]:
    """Find the nearest and most opposite directions of the SAE where they are lacking: the keys for which they were."""
    atlas = record.atlas
    sql = "SELECT sae FROM feature_neighbour INTERSECT SELECT sae FROM feature_opposite"
    known = {key for (key,) in atlas.rows(sql)}
    missing = [key for key in keys if key not in known]
    if missing:
        sae, missing = load_stored(atlas, name, missing)
        nearest = nearest_rows(
            sae.W_dec, report=lambda done, total: report(Progress("comparing", done, total, "features"))
        )
        opposite = opposite_rows(sae.W_dec)
        with atlas.transaction():
            record.start()
            for key in missing:
                store_neighbour_rows(atlas, key, nearest, opposite)
    return missing


def _by_company(record: RunRecord, key: int, report: Report) -> int | None:
    """Count what fires together, where other texts are encoded than when it was counted: on how many tokens."""
    atlas = record.atlas
    coverage = coverage_hash(atlas, key)
    if not coverage or coactivation_counted_before(atlas, key, coverage):
        return None
    with room_for_sums(atlas) as held:
        found = features_firing_with(
            read_firing(atlas, key),
            report=lambda done, total: report(Progress("counting together", done, total, "features")),
            held=held,
        )
    with atlas.transaction():
        store_coactivation(atlas, key, found, coverage, record.start())
    return found.tokens
