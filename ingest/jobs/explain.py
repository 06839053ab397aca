"""The explain job: prompts in, Shapley values in the atlas.

Each prompt is a transaction of its own, and what is stored is not computed again:
killed at any moment, the same command goes on from there.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from ingest.attribution.answers import Answer, Question
from ingest.attribution.computed_ahead import compute_ahead
from ingest.attribution.explained_model import Subject
from ingest.attribution.explainer import Explainer, Task
from ingest.attribution.explanation_rows import (
    explanations_not_filtered,
    store_explanation_filter,
    store_explanations,
    stored_explanations,
)
from ingest.attribution.prompts import Prompt, prompt_of_text, prompts_of_documents
from ingest.attribution.questions import TokenQuestion
from ingest.attribution.shapley import Method
from ingest.attribution.study_filter import study_filter_values, study_rule
from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.reader import POCKET_READER, Loaded, Reader
from ingest.jobs.run_record import RunRecord
from schema.errors import SelectionError
from schema.store import Atlas, open_atlas


@dataclass(frozen=True)
class ExplainRequest:
    """What to ask of which prompts: windows of documents, texts given by hand, or both. The reader has one SAE."""

    atlas: Path
    question: Question[Any]
    method: Method
    documents: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    limit: int | None = None
    reader: Reader = POCKET_READER


@dataclass
class ExplainResult:
    """What a job did: the keys of new explanations and of those known before, prompts without an answer.

    `studied` are the prompts that the study's rule was run on.
    """

    new: list[int] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    silent: int = 0
    studied: int = 0
    evaluations: int = 0
    seconds: float = 0.0


def explain(request: ExplainRequest, report: Report = silent_report) -> ExplainResult:
    """Load the model and the SAE, and explain.

    Raises:
        SelectionError: prompts, features, a position or a target that cannot be explained; nothing has changed then.
        ModelError, AtlasFileError: see there.
    """
    open_atlas(request.atlas).close()
    loaded = request.reader.load()
    with open_atlas(request.atlas) as atlas:
        return explain_into(atlas, request, loaded, report)


def explain_into(
    atlas: Atlas, request: ExplainRequest, loaded: Loaded, report: Report = silent_report
) -> ExplainResult:
    """Explain prompts of an open atlas, by a loaded model and SAE."""
    started, (model, (sae,)) = time.perf_counter(), loaded
    subject = Subject.of(model, sae)
    explainer = Explainer.of(atlas, request.question, request.method, subject)
    given, found = _prompts(atlas, request, explainer)
    tasks = chain([explainer.task(prompt) for prompt in given], _tasks(explainer, found))
    total, result = len(given) + len(found), ExplainResult()
    todo = (_with_known(atlas, task) for task in tasks)
    with (
        RunRecord(atlas, "explain", _arguments(request, subject), request.reader.runs_on) as record,
        closing(compute_ahead(explainer.answers, todo, _threads(request, subject, total))) as answered,
    ):
        for done, (task, answers) in enumerate(answered, start=1):
            if task is None:
                result.silent += 1
            else:
                _store(record, explainer, task, answers, result)
            report(Progress("explaining", done, total, "prompts"))
        if isinstance(request.question, TokenQuestion) and request.question.study:
            result.studied = _add_study_rule(record, subject, [*result.known, *result.new], report)
    if not result.new and not result.known:
        raise SelectionError(f"none of the {result.silent} prompts can be explained: {_why(request.question)}")
    return replace(result, seconds=time.perf_counter() - started)


def _prompts(atlas: Atlas, request: ExplainRequest, explainer: Explainer[Any]) -> tuple[list[Prompt], list[Prompt]]:
    """The prompts given by hand, and those of documents."""
    given = [prompt_of_text(text, explainer.subject.tokenization) for text in request.texts]
    if not request.documents:
        return given, []
    return given, prompts_of_documents(atlas, request.documents, explainer.keys.tokenization, request.limit)


def _tasks(explainer: Explainer[Any], prompts: Iterable[Prompt]) -> Iterator[Task[Any] | None]:
    """A task a prompt; None where there is nothing to explain, as where a feature is silent."""
    for prompt in prompts:
        try:
            yield explainer.task(prompt)
        except SelectionError:
            yield None


def _with_known(atlas: Atlas, task: Task[Any] | None) -> Task[Any] | None:
    return task and replace(task, known=stored_explanations(atlas, task.asked).keys())


def _threads(request: ExplainRequest, subject: Subject, prompts: int) -> int:
    """Threads that prompts are shared between; a single prompt has all of them for itself."""
    alone = prompts == 1 or request.method.estimator == "partition"  # which is shap's own code
    return 1 if alone else subject.threads


def _store(
    record: RunRecord, explainer: Explainer[Any], task: Task[Any], answers: Mapping[str, Answer], result: ExplainResult
) -> None:
    """Store the answers to a task in one transaction, and add them to the result."""
    there = stored_explanations(record.atlas, task.asked)
    result.known.extend(there.values())
    fresh = {key: answer for key, answer in answers.items() if key not in there}  # a prompt may have been given twice
    if not fresh:
        record.add(known=1)
        return
    with record.atlas.transaction():
        result.new.extend(store_explanations(record.atlas, explainer, task.prompt, fresh, record.start()))
        record.add(documents=1)
    result.evaluations += sum(answer.estimate.evaluations for answer in fresh.values())


def _add_study_rule(record: RunRecord, subject: Subject, explanations: list[int], report: Report) -> int:
    """Run the study's rule on each explained prompt that names a term and was not judged by it yet; how many.

    A prompt is a transaction of its own. One that leaves the study nothing to generate is passed over.
    """
    rows, judged = explanations_not_filtered(record.atlas, explanations), 0
    for done, (explanation, text) in enumerate(rows, start=1):
        found = study_filter_values(subject.gpt2, subject.model.tokenizer, text)
        if found is not None:
            looked_at, kept = study_rule(*found, text)
            with record.atlas.transaction():
                record.start()
                store_explanation_filter(record.atlas, explanation, looked_at, kept=kept)
            judged += 1
        report(Progress("explaining", done, len(rows), "prompts"))
    return judged


def _why(question: Question[Any]) -> str:
    if question.position is not None:
        return f"position {question.position} is in none of them, or nothing fires there"
    return f"feature {', '.join(map(str, question.features))} never fires on them"


def _arguments(request: ExplainRequest, subject: Subject) -> dict[str, object]:
    return {
        "question": request.question.name,
        "sae": str(subject.sae.name),
        "documents": list(request.documents),
        "texts": list(request.texts),
        "features": list(request.question.features),
        "target": request.question.token,
        "baseline": request.question.baseline,
        "estimator": request.method.estimator,
    }
