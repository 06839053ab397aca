"""The match job: the features of SAEs looked for in other SAEs of the same model, both ways.

Two SAEs are one transaction, and stand while their weights and the texts that both have encoded are the same.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from ingest.families.firing import read_shared_firing, room_for_sums, shared_firing_hash
from ingest.families.sae_matches import Side, compare_saes, saes_compared_before, store_sae_matches
from ingest.families.stored_saes import load_stored, stored_sae_keys, stored_sae_label, stored_sae_names
from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.run_record import RunRecord
from schema.errors import SelectionError
from schema.methods import method_revision
from schema.store import Atlas, open_atlas

Held = tuple[str, int]
"""How an SAE is spelled, and its key."""


@dataclass(frozen=True)
class MatchRequest:
    """The SAEs to compare, each two of one model; where none is named, each with the next of its model by layer."""

    atlas: Path
    saes: tuple[str, ...] = ()


@dataclass(frozen=True)
class MatchResult:
    """Two SAEs that were compared, on how many shared tokens; `known` where it was stored before."""

    sae: str
    other: str
    tokens: int
    known: bool


def match(request: MatchRequest, report: Report = silent_report) -> list[MatchResult]:
    """Look for the features of SAEs in other SAEs of the same model.

    Raises:
        SelectionError: an SAE that the atlas does not hold, or that has other weights now; no two of one model.
        ModelError: an SAE that cannot be loaded.
        AtlasFileError: the atlas cannot be opened.
    """
    with open_atlas(request.atlas) as atlas:
        return match_into(atlas, request, report)


def match_into(atlas: Atlas, request: MatchRequest, report: Report = silent_report) -> list[MatchResult]:
    """Compare SAEs of an open atlas, two at a time."""
    pairs = list(_pairs(atlas, request.saes))
    if not pairs:
        raise SelectionError(
            f"{atlas.path} has no two SAEs of one model to compare"
            + (" among those named" if request.saes else "")
            + f"; ingest with another: atlas ingest {atlas.path} SOURCE --sae SAE"
        )
    with RunRecord(atlas, "match", {"saes": list(request.saes)}, "cpu") as record:
        return [_bring_up(record, one, other, report) for one, other in pairs]


def _bring_up(record: RunRecord, one: Held, other: Held, report: Report) -> MatchResult:
    """Compare two SAEs whose matches are not stored of these inputs."""
    atlas = record.atlas
    weights = atlas.rows("SELECT sae, weights_sha256 FROM sae WHERE sae IN (?, ?) ORDER BY sae", [one[1], other[1]])
    texts = shared_firing_hash(atlas, one[1], other[1])
    inputs = hashlib.sha256(json.dumps([method_revision("matches"), weights, texts]).encode()).hexdigest()
    names = stored_sae_label(atlas, one[1]), stored_sae_label(atlas, other[1])
    known = saes_compared_before(atlas, one[1], other[1], inputs)
    if not known:
        sides = [load_stored(atlas, name, [key])[0].W_dec for name, key in (one, other)]
        stage = " and ".join(names)
        with room_for_sums(atlas) as held:
            firing = read_shared_firing(atlas, one[1], other[1])
            ways = compare_saes(
                Side(one[1], sides[0], firing[0]),
                Side(other[1], sides[1], firing[1]),
                lambda what, done, total: report(Progress(f"{stage}: {what}", done, total, "features")),
                held,
            )
        with atlas.transaction():
            store_sae_matches(atlas, ways, inputs, record.start())
    tokens = atlas.rows("SELECT tokens FROM sae_match WHERE sae = ? AND other_sae = ?", [one[1], other[1]])[0][0]
    return MatchResult(*names, int(tokens), known)


def _pairs(atlas: Atlas, saes: tuple[str, ...]) -> Iterator[tuple[Held, Held]]:
    """The SAEs to compare: each two of those named, or each with the next of its model by layer."""
    held = [(name, stored_sae_keys(atlas, name)[-1]) for name in saes or stored_sae_names(atlas)]
    place = {
        key: (model, layer) for key, model, layer in atlas.rows("SELECT sae, model, hook_layer FROM sae ORDER BY sae")
    }
    held.sort(key=lambda one: (*place[one[1]], one[1]))
    for one, other in combinations(dict.fromkeys(held), 2):
        same = place[one[1]][0] == place[other[1]][0]
        if same and one[1] != other[1] and (saes or _next(place, held, one, other)):
            yield one, other


def _next(place: dict[int, tuple[int, int]], held: list[Held], one: Held, other: Held) -> bool:
    """Whether the two are of one layer, or none that is held is of a layer between theirs."""
    (model, low), (_, high) = place[one[1]], place[other[1]]
    return not any(place[key][0] == model and low < place[key][1] < high for _, key in held)
