"""The reproduce job: the study's notebook read, its prompts ingested, its method run as it was and as corrected.

Lists are read as literals; nothing of a notebook is executed. Ingest, contrasts, each prompt of the filter and the
reproduction itself are transactions of their own: killed at any moment, the same command goes on from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ingest.attribution.study_filter import study_filter_values
from ingest.contrasts import SHUFFLES
from ingest.jobs.contrast import ContrastRequest, contrast_into, refresh_contrasts
from ingest.jobs.ingest import IngestRequest, ingest_into
from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.reader import Loaded, Reader
from ingest.jobs.run_record import RunRecord
from ingest.models.gpt2 import GPT2, departure_from_gpt2
from ingest.models.language_model import load_language_model
from ingest.reproduction.evidence import reproduced_contrast_key, reproduced_processing_difference
from ingest.reproduction.filtered import (
    Filtered,
    documents_to_reproduce_filter_on,
    reproduced_prompt_filter,
    store_filtered,
    stored_filtered,
)
from ingest.reproduction.findings import (
    Computed,
    Subject,
    compute_findings,
    faults_of,
    inputs_hash,
    reproduced_printed_number,
)
from ingest.reproduction.lists import Lists, Notebook
from ingest.reproduction.means import STUDY_PROCESSING
from ingest.reproduction.printed import LOADED, MEASURED, printed_candidates, read_candidates
from ingest.reproduction.storing import Reproduced, reproduction_hash, store_moments, store_reproduction
from ingest.rows.sae_keys import sae_keys_if_held
from schema.atlas_file import check_path
from schema.errors import ModelError, SelectionError
from schema.file_names import shown_path
from schema.locking import hold_atlas
from schema.store import Atlas, open_atlas

STUDY_READER = Reader((MEASURED, LOADED))
"""The SAE that the study measured, and the one that it took its logit weights and its label from."""
BUNDLED = ("medical", "control")


@dataclass(frozen=True)
class ReproduceRequest:
    """Which notebook to reproduce in which atlas, under which name, on two SAEs: the one measured, the one loaded.

    `printed` is a printed list of another run, in the columns of the study's; `number` the printed number whose four
    readings are put side by side; `matched`, `filtered`: whether to compare pairs too, and to run the study's filter.
    """

    atlas: Path
    notebook: Notebook
    name: str = "study"
    reader: Reader = STUDY_READER
    printed: Path | None = None
    number: int | None = None
    matched: bool = True
    filtered: bool = True
    shuffles: int = SHUFFLES

    def corpus(self, name: str) -> str:
        """The corpus of a list of the notebook."""
        return f"{self.name}/{name}"


@dataclass(frozen=True)
class ReproduceResult:
    """The contrast of what is stored, and its SAE, pinned to what it is; `known` where it was before."""

    contrast: str
    sae: str
    known: bool


def reproduce(request: ReproduceRequest, report: Report = silent_report) -> ReproduceResult:
    """Read the notebook, load the model and the SAEs, and reproduce.

    Raises:
        SourceError: the notebook, a list or the printed file cannot be read.
        ModelError: the model or an SAE cannot be had.
        SelectionError: other than two SAEs, or a prompt is in both lists.
        AtlasFileError: the atlas cannot be opened.
    """
    check_path(request.atlas, create=True)
    _check_two(request.reader.saes)
    request.notebook.read()
    if request.printed is not None:
        read_candidates(request.printed)
    with hold_atlas(request.atlas):
        if request.atlas.exists() and request.atlas.stat().st_size:
            open_atlas(request.atlas).close()
        report(Progress("loading the model"))
        loaded = request.reader.load()
        with open_atlas(request.atlas, create=True) as atlas:
            return reproduce_into(atlas, request, loaded, report)


def reproduce_into(
    atlas: Atlas, request: ReproduceRequest, loaded: Loaded, report: Report = silent_report
) -> ReproduceResult:
    """Reproduce the study in an open atlas, with a loaded model and its two SAEs."""
    _check_two(loaded[1])
    subject = _subject(atlas, request, loaded, request.notebook.read(), report)
    arguments = {"notebook": shown_path(request.notebook.path), "name": request.name, "saes": list(subject.names)}
    with RunRecord(atlas, "reproduce", arguments, request.reader.runs_on) as record:
        filtered = _filter(record, request, subject, report)
        inputs = inputs_hash(atlas, subject, request.number, len(filtered[0]))
        known = reproduction_hash(atlas, subject.result) == inputs
        if not known:
            found = _compute(request, subject, report)
            number = reproduced_printed_number(subject, found.means, request.number)
            faults = faults_of(atlas, subject, found, number, filtered)
            header = {"other_sae": subject.other_key, "notebook": arguments["notebook"], "number": number}
            header |= {"matched_contrast": None if subject.matched is None else _matched_name(request)}
            header |= {"prompts_positive": len(subject.lists.positive), "prompts_control": len(subject.lists.control)}
            header |= {"processing_difference": reproduced_processing_difference(atlas, subject.result, found.means)}
            header |= {"inputs_hash": inputs}
            with atlas.transaction():
                header["ingest_run"] = record.start()
                for key, moments in zip((subject.result[1], subject.other_key), found.moments, strict=True):
                    if moments is not None:
                        store_moments(atlas, key, moments)
                store_reproduction(atlas, subject.result, header, Reproduced(found.means, subject.printed, faults))
                record.add(documents=len(found.means.positive))
    (pinned,) = atlas.rows("SELECT pinned FROM sae WHERE sae = ?", [subject.result[1]])[0]
    return ReproduceResult(request.name, str(pinned), known)


def _check_two(saes: Sequence[object]) -> None:
    if len(saes) != 2:
        raise SelectionError(
            "the study took one SAE for another: name the one whose activations it compared, then the one it loaded: "
            "--sae MEASURED --sae LOADED"
        )


def _subject(atlas: Atlas, request: ReproduceRequest, loaded: Loaded, lists: Lists, report: Report) -> Subject:
    """Ingest what is compared, contrast it, and find it again."""
    notebook, (model, (sae, other)) = request.notebook, loaded
    names = [notebook.positive, notebook.control] + [notebook.prompts_name] * bool(lists.prompts)
    for name in names:
        asked = IngestRequest(
            request.atlas,
            (notebook.source(name),),
            corpus=request.corpus(name),
            domain=name,
            drop=True,
            reader=request.reader,
        )
        ingest_into(atlas, asked, loaded, report)
    if request.matched:
        bundled = tuple(f"bundled:{name}" for name in BUNDLED)
        ingest_into(atlas, IngestRequest(request.atlas, bundled, reader=request.reader), loaded, report)
    refresh_contrasts(atlas)
    sides = [(request.corpus(name),) for name in (notebook.positive, notebook.control)]
    _contrast(atlas, request, request.name, sides, report)
    if request.matched:
        _contrast(atlas, request, _matched_name(request), [(name,) for name in BUNDLED], report)
    keys = [sae_keys_if_held(atlas, model, each) for each in (sae, other)]
    assert keys[0] is not None and keys[1] is not None
    contrast = reproduced_contrast_key(atlas, request.name, keys[0].sae)
    assert contrast is not None
    matched = reproduced_contrast_key(atlas, _matched_name(request), keys[0].sae) if request.matched else None
    printed = read_candidates(request.printed) if request.printed else printed_candidates(str(sae.name))
    return Subject(lists, model, sae, other, (contrast, keys[0].sae), keys[1].sae, matched, printed)


def _matched_name(request: ReproduceRequest) -> str:
    """The contrast of sentences in pairs that share a template."""
    return f"{request.name}-matched"


def _contrast(atlas: Atlas, request: ReproduceRequest, name: str, sides: list[tuple[str]], report: Report) -> None:
    asked = ContrastRequest(request.atlas, name, sides[0], sides[1], None, request.shuffles)
    contrast_into(atlas, asked, report)


def _filter(
    record: RunRecord, request: ReproduceRequest, subject: Subject, report: Report
) -> tuple[list[tuple[str, Filtered]], str]:
    """Run the study's filter on prompts that it was not run on, each a transaction of its own; all that is stored."""
    atlas, corpus = record.atlas, request.corpus(request.notebook.prompts_name)
    (model,) = atlas.rows("SELECT model FROM sae WHERE sae = ?", [subject.result[1]])[0]
    strange = departure_from_gpt2(subject.model)
    if strange is not None:
        return [], f"the filter is run on a plain GPT-2, and the model is {strange}"
    if request.filtered:
        gpt2 = GPT2.of_model(subject.model)
        waiting = documents_to_reproduce_filter_on(atlas, model, corpus)
        for done, (document, text) in enumerate(waiting, start=1):
            found = study_filter_values(gpt2, subject.model.tokenizer, text)
            if found is not None:
                with atlas.transaction():
                    record.start()
                    store_filtered(atlas, document, model, reproduced_prompt_filter(*found, text))
            report(Progress("running the study's filter", done, len(waiting), "prompts"))
    why_not = subject.lists.why_no_prompts or "the filter was not run; leave --no-filter out"
    return stored_filtered(atlas, model, corpus), why_not


def _compute(request: ReproduceRequest, subject: Subject, report: Report) -> Computed:
    """Load the model once more, processed as the study did, and run its method."""
    report(Progress("processing the model as the study did"))
    name = request.reader.model or subject.model.name
    studied = load_language_model(name, STUDY_PROCESSING, request.reader.runs_on)
    studied = replace(studied, precision=subject.model.precision)
    if studied.weights_sha256 != subject.model.weights_sha256:
        raise ModelError(
            f"the study processes weights as they were saved, and those of {name} are others than were read"
        )
    return compute_findings(
        studied,
        subject,
        lambda done, total: report(Progress("running the prompts as the study did", done, total, "prompts")),
    )
