"""The direct job: prompts in, what every part of the model writes onto a feature in the atlas.

Each prompt is a transaction of its own, and what is stored is not computed again.
"""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingest.attribution.prompts import Prompt, prompt_of_text, prompts_of_documents
from ingest.circuits.direct import attention_pairs, direct_attribution
from ingest.circuits.direct_rows import MOST_PAIRS, direct_identity, store_direct, stored_direct
from ingest.circuits.tracer import Tracer
from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.reader import POCKET_READER, Loaded, Reader
from ingest.jobs.run_record import RunRecord
from schema.errors import ModelError, SelectionError
from schema.store import Atlas, open_atlas


@dataclass(frozen=True)
class DirectRequest:
    """Which features on which prompts: windows of documents, texts given by hand, or both. The reader has one SAE.

    `position`, BOS being 0, is where it is read: else where the feature is strongest.
    """

    atlas: Path
    features: tuple[int, ...]
    documents: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    position: int | None = None
    limit: int | None = None
    reader: Reader = POCKET_READER


@dataclass
class DirectResult:
    """What a job did: the keys of new attributions and of those known before, prompts on which a feature is silent.

    `sae` is the name and hash of the SAE whose features are taken apart.
    """

    sae: str = ""
    new: list[int] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    silent: int = 0
    seconds: float = 0.0


def direct(request: DirectRequest, report: Report = silent_report) -> DirectResult:
    """Load the model and the SAE, and take features apart.

    Raises:
        SelectionError: prompts, features or a position that there are not; nothing has changed then.
        ModelError, AtlasFileError: see there.
    """
    open_atlas(request.atlas).close()
    loaded = request.reader.load()
    with open_atlas(request.atlas) as atlas:
        return direct_into(atlas, request, loaded, report)


def direct_into(atlas: Atlas, request: DirectRequest, loaded: Loaded, report: Report = silent_report) -> DirectResult:
    """Take features apart in an open atlas, by a loaded model and SAE.

    Raises:
        ModelError: the model is loaded in less than float32.
        SelectionError: see `direct`.
    """
    started = time.perf_counter()
    if loaded[0].precision != "float32":
        raise ModelError(
            "features are taken apart in float32, where the parts of a model add up; leave out "
            f"--precision {loaded[0].precision}"
        )
    tracer = Tracer.of(atlas, *loaded)
    result = DirectResult(tracer.keys[0].pinned)
    for feature in request.features:
        tracer.check_feature(feature)
    prompts = [prompt_of_text(text, tracer.tokenization) for text in request.texts]
    if request.documents:
        prompts += prompts_of_documents(atlas, request.documents, tracer.keys[0].tokenization, request.limit)
    arguments = {
        "sae": str(tracer.sae.name),
        "features": list(request.features),
        "documents": list(request.documents),
        "texts": list(request.texts),
        "position": request.position,
    }
    with RunRecord(atlas, "circuit direct", arguments, request.reader.runs_on) as record:
        for done, prompt in enumerate(prompts, start=1):
            for feature in request.features:
                _take_apart(record, tracer, feature, _shown(request, tracer, feature, prompt), result)
            report(Progress("taking apart", done, len(prompts), "prompts"))
    if not result.new and not result.known:
        features = ", ".join(map(str, request.features))
        raise SelectionError(f"feature {features} fires on none of the {len(prompts)} prompts, or not at that position")
    return replace(result, seconds=time.perf_counter() - started)


def _shown(request: DirectRequest, tracer: Tracer, feature: int, prompt: Prompt) -> Prompt | None:
    """The prompt as far as the position that is read; None where it has none such, or the feature is silent."""
    first = tracer.tokenization.first_position
    position = tracer.strongest(feature, prompt) if request.position is None else request.position
    if position is None or not first <= position < first + len(prompt):
        return None
    return prompt.until(position + 1 - first)


def _take_apart(record: RunRecord, tracer: Tracer, feature: int, prompt: Prompt | None, result: DirectResult) -> None:
    if prompt is None:
        result.silent += 1
        return
    identity = direct_identity(tracer, feature, prompt)
    known = stored_direct(record.atlas, [identity])
    if known:
        result.known.extend(known.values())
        record.add(known=1)
        return
    tokens = tracer.tokens(prompt)
    parts = direct_attribution(tracer.model, tracer.hooked, tracer.sae, feature, tokens)
    pairs = attention_pairs(tracer.hooked, tracer.sae, feature, tokens, MOST_PAIRS)
    with record.atlas.transaction():
        key = store_direct(record.atlas, tracer, (identity, feature, prompt), (parts, pairs), record.start())
        result.new.append(key)
        record.add(documents=1)
