"""The ablate job: features removed from documents of two sides, and what their loss becomes, in the atlas.

Each feature is a transaction of its own, and what is stored is not computed again.
"""

from dataclasses import dataclass
from pathlib import Path

from ingest.circuits.effects.ablation_rows import Ablation, ablation_identity, store_ablation, stored_ablation
from ingest.circuits.effects.controls import CONTROLS, control_features, read_features_to_draw_controls
from ingest.circuits.effects.removal import losses_without_features
from ingest.circuits.effects.two_sides import Sets, losses_by_document, read_texts_of_sides
from ingest.circuits.tracer import Tracer
from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.reader import POCKET_READER, Loaded, Reader
from ingest.jobs.run_record import RunRecord
from schema.store import Atlas, open_atlas


@dataclass(frozen=True)
class AblateRequest:
    """Which features to remove from which documents; `limit` is how many windows of each side are read at most."""

    atlas: Path
    features: tuple[int, ...]
    sets: Sets
    limit: int | None = None
    controls: int = CONTROLS
    seed: int = 0
    reader: Reader = POCKET_READER


@dataclass(frozen=True)
class Ablated:
    """A feature, the key of its ablation, and whether it was in the atlas before."""

    feature: int
    key: int
    known: bool


def ablate(request: AblateRequest, report: Report = silent_report) -> list[Ablated]:
    """Load the model and the SAE, and remove features.

    Raises:
        SelectionError: features or documents that cannot be chosen, or one text is on both sides.
        ModelError, AtlasFileError: see there.
    """
    open_atlas(request.atlas).close()
    loaded = request.reader.load()
    with open_atlas(request.atlas) as atlas:
        return ablate_into(atlas, request, loaded, report)


def ablate_into(atlas: Atlas, request: AblateRequest, loaded: Loaded, report: Report = silent_report) -> list[Ablated]:
    """Remove features in an open atlas, by a loaded model and SAE."""
    tracer = Tracer.of(atlas, *loaded)
    texts = read_texts_of_sides(atlas, request.sets, tracer.keys[0].tokenization, request.limit)
    matching, found = read_features_to_draw_controls(atlas, tracer.keys[0].sae), []
    for feature in request.features:
        tracer.check_feature(feature)
    with RunRecord(atlas, "circuit ablate", _arguments(request, tracer), request.reader.runs_on) as record:
        for feature in dict.fromkeys(request.features):
            controls = control_features(matching, feature, request.controls, request.seed)
            ablation = Ablation(feature, tuple(controls), request.sets, request.seed)
            known = stored_ablation(atlas, ablation_identity(tracer, ablation, texts))
            if known is not None:
                record.add(known=1)
                found.append(Ablated(feature, known, True))
                continue
            windows = losses_without_features(
                tracer,
                ablation.features,
                texts.windows,
                lambda done: report(Progress("removing", done, len(texts.windows), "windows")),
            )
            losses = losses_by_document(windows, texts)
            with atlas.transaction():
                key = store_ablation(atlas, tracer, ablation, texts, losses, record.start())
                record.add(documents=1)
            found.append(Ablated(feature, key, False))
    return found


def _arguments(request: AblateRequest, tracer: Tracer) -> dict[str, object]:
    return {
        "sae": str(tracer.sae.name),
        "features": list(request.features),
        "positive": list(request.sets[0]),
        "control": list(request.sets[1]),
        "limit": request.limit,
        "controls": request.controls,
        "seed": request.seed,
    }
