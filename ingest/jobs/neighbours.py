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
from ingest.families.stored_saes import (
    load_stored,
    stored_sae_keys,
    stored_sae_label,
    stored_sae_names,
    warn_of_other_weights,
)
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

    directions is None where they are lacking, and the SAE of that name has other weights now; tokens where what is
    stored is of the same texts.
    """

    sae: str
    directions: bool | None
    tokens: int | None


def neighbours(request: NeighboursRequest, report: Report = silent_report) -> list[Neighbours]:
    """Find the neighbours of SAEs; where a name has rows of other weights, these are passed over by direction.

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
                directions, tokens = new.get(key, False), _by_company(record, key, report)
                found.append(Neighbours(stored_sae_label(atlas, key), directions, tokens))
    return [one for one in found if request.saes or one.directions is not False or one.tokens]


def _by_direction(record: RunRecord, name: str, keys: list[int], report: Report) -> dict[int, bool | None]:
    """Find the nearest and most opposite directions of the SAE for the keys that lack them; None: of other weights."""
    atlas = record.atlas
    sql = "SELECT sae FROM feature_neighbour INTERSECT SELECT sae FROM feature_opposite"
    known = {key for (key,) in atlas.rows(sql)}
    lacking = [key for key in keys if key not in known]
    if not lacking:
        return {}
    sae, held = load_stored(atlas, name, keys)
    for key in lacking:
        if key not in held:
            warn_of_other_weights(atlas, key, sae)
    missing = [key for key in lacking if key in held]
    if missing:
        nearest = nearest_rows(
            sae.W_dec, report=lambda done, total: report(Progress("comparing", done, total, "features"))
        )
        opposite = opposite_rows(sae.W_dec)
        with atlas.transaction():
            record.start()
            for key in missing:
                store_neighbour_rows(atlas, key, nearest, opposite)
    return {key: True if key in held else None for key in lacking}


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
