"""Explaining prompt by prompt: what all explanations of a job share, and the identity that each is stored by."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Generic

from ingest.attribution.answers import Absent, Answer, Asked, Question, check_explained_targets
from ingest.attribution.explained_model import CleanRun, Subject, explained_baseline_mean, explained_keys
from ingest.attribution.prompts import Prompt
from ingest.attribution.shapley import Method
from ingest.models.identity import canonical_settings, model_config, sae_config
from ingest.rows.sae_keys import Keys
from schema.methods import method_revision
from schema.store import Atlas


@dataclass(frozen=True)
class Task(Generic[Asked]):
    """What is asked of a prompt, by the identity of each explanation; those that are `known` are stored already."""

    prompt: Prompt
    run: CleanRun
    asked: Mapping[str, Asked]
    known: Collection[str] = ()


@dataclass(frozen=True)
class Explainer(Generic[Asked]):
    """Asks a question of prompts, and answers it; `keys` are the subject's in the atlas."""

    question: Question[Asked]
    method: Method
    subject: Subject
    keys: Keys
    absent: Absent = None

    @classmethod
    def of(cls, atlas: Atlas, question: Question[Asked], method: Method, subject: Subject) -> "Explainer[Asked]":
        """An explainer of what an atlas holds.

        Raises:
            SelectionError: the atlas does not hold this SAE over this model, or there is no such token or feature.
        """
        keys = explained_keys(atlas, subject)
        absent = explained_baseline_mean(atlas, keys.sae, subject.sae.d_sae) if question.baseline == "mean" else None
        check_explained_targets(question, subject)
        return cls(question, method, subject, keys, absent)

    def task(self, prompt: Prompt) -> Task[Asked]:
        """What the question asks of a prompt.

        Raises:
            SelectionError: nothing, since there is nothing to explain.
        """
        run = self.subject.run(prompt.token_ids)
        asked = self.question.ask(self.subject, prompt, run)
        return Task(prompt, run, {self._identity(prompt, one): one for one in asked})

    def answers(self, task: Task[Asked] | None) -> dict[str, Answer]:
        """The answers to what is asked and not known, by identity; threads may call this at the same time."""
        missing = {} if task is None else {key: one for key, one in task.asked.items() if key not in task.known}
        if task is None or not missing:
            return {}
        using = self.subject, self.method, self.absent
        answers = self.question.answer(using, task.prompt, task.run, list(missing.values()))
        return dict(zip(missing, answers, strict=True))

    def _identity(self, prompt: Prompt, asked: Asked) -> str:
        """A hash of all that the values depend on; the study's rule is run beside them."""
        subject, of_sae = self.subject, self.question.name != "token"
        parts: Sequence[object] = [
            method_revision("explanation"),
            self.question.name,
            subject.model.weights_sha256,
            asdict(subject.model.processing),
            canonical_settings(model_config(subject.model)),
            subject.sae.weights_sha256 if of_sae else None,
            canonical_settings(sae_config(subject.sae, subject.model)) if of_sae else None,
            [subject.bos, *prompt.token_ids.tolist()],
            [prompt.document, prompt.ordinal],
            asdict(asked),
            {"baseline": self.question.baseline, **asdict(self.method), "study": False},
            hashlib.sha256(self.absent.tobytes()).hexdigest() if self.absent is not None else None,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
