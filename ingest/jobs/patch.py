"""The patch job: pairs of prompts in, what each site of the model carries in the atlas.

Each pair is a transaction of its own, and what is stored is not computed again: killed at any moment, the same command
goes on from there.
"""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingest.circuits.patching.metrics import FeatureMetric, Metric
from ingest.circuits.patching.patch_metrics import Asked, check_patching_position, metrics_of_pair
from ingest.circuits.patching.patch_rows import pair_identity, store_pair, stored_pairs
from ingest.circuits.patching.patch_study import patch_pair
from ingest.circuits.patching.prompt_pairs import Matched, PromptPair, pair_of_texts, pairs_of_sets, read_pairs
from ingest.circuits.tracer import LEAST_SHARE, Tracer, largest_activation
from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.reader import POCKET_READER, Loaded, Reader
from ingest.jobs.run_record import RunRecord
from schema.errors import SelectionError
from schema.store import Atlas, open_atlas

LEAST_LOGITS = 0.01
"""Logits that are less apart are not told apart."""


@dataclass(frozen=True)
class PatchRequest:
    """Which pairs: documents of two sets that share a template, a file's, or texts given by hand.

    Of the first SAE a feature is read; without one, the logit of `target`, or how far it is above that of `against`.
    The features of every SAE on the way are sites. `position`, BOS being 0, is where it is read: else where the feature
    is strongest, or the last. `limit` counts pairs of documents that can be patched.
    """

    atlas: Path
    features: tuple[int, ...] = ()
    sets: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    pairs: tuple[tuple[str, str], ...] = ()
    pairs_file: Path | None = None
    tokens: tuple[str | None, str | None] = (None, None)
    position: int | None = None
    limit: int | None = None
    reader: Reader = POCKET_READER

    @property
    def asked(self) -> Asked:
        """What is read of each pair."""
        return Asked(self.features, self.tokens, self.position)


@dataclass
class PatchResult:
    """What a job did: the keys of new pairs and of those known before, and the pairs that were passed over.

    Silent: no feature fires on them; early: all that is read comes before the first token that differs; short: the
    position asked for is not in them; unequal: the token counts of those not as long as each other. `sae` is the name
    and hash of the SAE whose features are read.
    """

    sae: str = ""
    new: list[int] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    silent: int = 0
    early: int = 0
    short: int = 0
    unequal: list[tuple[int, int]] = field(default_factory=list)
    sites: int = 0
    seconds: float = 0.0


def patch(request: PatchRequest, report: Report = silent_report) -> PatchResult:
    """Load the model and the SAEs, and patch.

    Raises:
        SelectionError: pairs, features, a position or tokens that cannot be patched; nothing has changed then.
        ModelError, AtlasFileError: see there.
    """
    open_atlas(request.atlas).close()
    loaded = request.reader.load()
    with open_atlas(request.atlas) as atlas:
        return patch_into(atlas, request, loaded, report)


def patch_into(atlas: Atlas, request: PatchRequest, loaded: Loaded, report: Report = silent_report) -> PatchResult:
    """Patch pairs of prompts in an open atlas, by a loaded model and SAEs."""
    started = time.perf_counter()
    tracer = Tracer.of(atlas, *loaded)
    for feature in request.features:
        tracer.check_feature(feature)
    matched = _matched(atlas, request, tracer)
    result, of_documents = PatchResult(tracer.keys[0].pinned, unequal=matched.unequal), 0
    with RunRecord(atlas, "circuit patch", _arguments(request, tracer), request.reader.runs_on) as record:
        for done, pair in enumerate(matched.pairs, start=1):
            if pair.clean.document is not None and of_documents == request.limit:
                break
            metrics = metrics_of_pair(tracer, request.asked, pair)
            if isinstance(metrics, str):
                setattr(result, metrics, getattr(result, metrics) + 1)
                metrics = []
            for metric in metrics:
                _patch_one(record, tracer, metric, pair, result)
            of_documents += bool(metrics) and pair.clean.document is not None
            report(Progress("patching", done, len(matched.pairs), "pairs"))
    if not result.new and not result.known:
        raise SelectionError(f"{_why_nothing(request.asked, result)}; nothing is there to patch")
    return replace(result, seconds=time.perf_counter() - started)


def _matched(atlas: Atlas, request: PatchRequest, tracer: Tracer) -> Matched:
    """The pairs asked for."""
    texts = list(request.pairs)
    if request.pairs_file is not None:
        texts += read_pairs(request.pairs_file)
    given = [pair_of_texts(clean, corrupted, tracer.tokenization) for clean, corrupted in texts]
    check_patching_position(tracer, request.asked, given)
    if not any(request.sets):
        return Matched(given, [])
    found = pairs_of_sets(atlas, *request.sets, tracer.keys[0].tokenization)
    return Matched(given + found.pairs, found.unequal)


def _why_nothing(asked: Asked, result: PatchResult) -> str:
    early = f"{result.early} are read before the first token that differs"
    if not result.silent:
        short = f"{result.short} do not reach the position"
        return f"none of the {result.early + result.short} pairs can be patched: {early}, {short}"
    features = ", ".join(map(str, asked.features))
    others = f" ({early})" if result.early else ""
    return f"feature {features} fires on neither prompt of any of the {result.silent} pairs{others}"


def _patch_one(record: RunRecord, tracer: Tracer, metric: Metric, pair: PromptPair, result: PatchResult) -> None:
    """Patch a pair as far as the position that is read, and store it, unless it is stored."""
    shown = pair.until(metric.position + 1 - tracer.tokenization.first_position)
    identity = pair_identity(tracer, metric, shown)
    known = stored_pairs(record.atlas, [identity])
    if known:
        result.known.extend(known.values())
        record.add(known=1)
        return
    found = patch_pair(tracer, metric, shown, _least_difference(record.atlas, tracer, metric))
    with record.atlas.transaction():
        result.new.append(store_pair(record.atlas, tracer, identity, found, record.start()))
        record.add(documents=1)
    result.sites += len(found.sites)


def _least_difference(atlas: Atlas, tracer: Tracer, metric: Metric) -> float:
    if not isinstance(metric, FeatureMetric):
        return LEAST_LOGITS
    return LEAST_SHARE * largest_activation(atlas, tracer.keys[0].sae, metric.feature)


def _arguments(request: PatchRequest, tracer: Tracer) -> dict[str, object]:
    return {
        "saes": [str(sae.name) for sae in tracer.saes],
        "features": list(request.features),
        "sets": [list(sets) for sets in request.sets],
        "pairs": [list(pair) for pair in request.pairs],
        "pairs_file": None if request.pairs_file is None else str(request.pairs_file),
        "target": request.tokens[0],
        "against": request.tokens[1],
        "position": request.position,
    }
