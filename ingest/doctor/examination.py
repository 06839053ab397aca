"""A release gone through: its model, then each SAE that something is known of, line by line."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

import torch

from ingest.doctor.corpora import registry_figures
from ingest.doctor.diagnosis import Others, diagnose_subject
from ingest.doctor.examined_model import Subject
from ingest.doctor.expected import Expected
from ingest.doctor.kinds import KINDS, Values, tolerances_apart
from ingest.doctor.release import Asked, release_of
from ingest.models.hooked_model import HookedBridge
from ingest.models.language_model import LanguageModel, Processing, load_language_model
from ingest.models.matching import fit_saes_to_model
from ingest.models.sae import SAE
from ingest.models.sae_files import load_sae
from schema.errors import ModelError

Models = Callable[[Processing], LanguageModel]

PROMPT = "The heart and two lungs."
CLOSE = 1e-4
"""How far two computations of one value may be apart, as a share of the largest."""
SHOWN = 6
"""Values of a line that are printed."""
UNHELD = "values are not held: the study printed them of its prompts; name its notebook: --notebook FILE"
"""What is said of values that need a notebook where none is named."""


@dataclass(frozen=True)
class Line:
    """A value held against what is expected; `apart` is in tolerances, `of` the SAE's name, or the model's."""

    of: str
    what: str
    expected: str
    found: str
    apart: float
    source: str

    @property
    def verdict(self) -> str:
        """ok or MISSED."""
        return "MISSED" if self.missed else "ok"

    @property
    def missed(self) -> bool:
        """Whether it is further apart than is allowed for."""
        return not self.apart <= 1


@dataclass(frozen=True)
class Diagnosis:
    """What the misses of a model or an SAE mean."""

    of: str
    meaning: str


@dataclass(frozen=True)
class Unheld:
    """What was published of a release, and is not held: why."""

    of: str
    meaning: str


def examine_release(asked: Asked) -> Iterator[Line | Diagnosis | Unheld]:
    """Lines of a release, after each part what its misses mean, and at the end what was not held.

    Raises:
        ModelError: a model or an SAE cannot be had, or nothing of that name is known.
        SourceError: the notebook cannot be read.
    """
    release = release_of(asked)
    known, names = release.known, list(release.spelled.values())
    first = load_sae(names[0], asked.device)
    model_name = asked.model or first.model_name
    if not model_name:
        raise ModelError(f"{first.name} does not say which model it reads; name it: --model FOLDER")
    models = cache(lambda processing: load_language_model(model_name, processing, asked.device))
    yield from _parts(None, known.of(None), models, Others(models, lambda: iter(())))
    for sae_id, name in release.spelled.items():
        sae = first if name == names[0] else load_sae(name, asked.device)
        model = models(Processing.from_options(sae.model_options))
        (sae,) = fit_saes_to_model(model, [sae])
        yield from _by_two_ways(Subject(model, sae))
        entries = known.of(sae_id) + registry_figures(release.name, sae_id)
        yield from _parts(sae, entries, models, Others(models, partial(_others, name, names, asked.device)))
    if release.unheld:
        yield Unheld(asked.name, f"{len(release.unheld)} {UNHELD}")


def _others(name: str, names: Sequence[str], device: str) -> Iterator[SAE]:
    """Other SAEs that are examined, one in memory at a time."""
    for other in names:
        if other != name:
            yield load_sae(other, device)


def _parts(sae: SAE | None, entries: Sequence[Expected], models: Models, others: Others) -> Iterator[Line | Diagnosis]:
    """What is known of a model or an SAE, read with the weights processed as each source has them."""
    usual = Processing.from_options(sae.model_options) if sae else Processing()
    for processing in dict.fromkeys(entry.processing or usual for entry in entries):
        chosen = [entry for entry in entries if (entry.processing or usual) == processing]
        yield from _part(Subject(models(processing), sae), chosen, others)


def _part(subject: Subject, entries: Sequence[Expected], others: Others) -> Iterator[Line | Diagnosis]:
    """The lines of a model or an SAE, and what their misses mean."""
    of = str(subject.sae.name) if subject.sae else subject.model.name
    missed: list[Expected] = []
    held: list[Expected] = []
    for entry in entries:
        line = _line(entry, subject, of)
        yield line
        (missed if line.missed else held).append(entry)
    for meaning in diagnose_subject(missed, held, subject, others) if missed else ():
        yield Diagnosis(of, meaning)


def _line(entry: Expected, subject: Subject, of: str) -> Line:
    kind = KINDS[entry.kind]
    said, wanted = kind.said(entry), kind.wanted(entry)
    said += f", with {entry.processing}" if entry.processing else ""
    try:
        found = kind.found(entry, subject)
    except ModelError as error:
        return Line(of, said, _shown(wanted), str(error), math.inf, entry.source)
    return Line(of, said, _shown(wanted), _shown(found), tolerances_apart(entry, found), entry.source)


def _shown(values: Values) -> str:
    """Values on a line: a text quoted, numbers with six digits, the first of many."""
    if isinstance(values, str):
        return repr(values)
    more = f" and {len(values) - SHOWN} more" if len(values) > SHOWN else ""
    return " ".join(f"{each:.6g}" for each in values[:SHOWN]) + more


def _by_two_ways(subject: Subject) -> Iterator[Line]:
    """What needs no published value: what is stored is what TransformerLens and SAELens compute."""
    sae, ids = subject.reads, subject.token_ids(PROMPT)
    x, name = subject.stream(ids, subject.hook_name), str(sae.name)
    bridge = HookedBridge(subject.model)
    with torch.inference_mode():
        value = bridge.run(subject.prompt(PROMPT), [sae.hook_name]).values[sae.hook_name]
        yield _same(name, f"{sae.hook_name}, as TransformerLens gives it", x, value[0, subject.bos :].flatten(1))
        acts = sae.module.encode(value)[0, subject.bos :]
        theirs = (acts.to_dense() if acts.is_sparse else acts).clamp(min=0)
        yield _same(name, "activations, as SAELens encodes", _dense(sae, x), theirs)


def _dense(sae: SAE, x: torch.Tensor) -> torch.Tensor:
    """Activations by the way that documents are encoded."""
    found = sae.sparse_rows(x)
    dense = torch.zeros(len(x), sae.d_sae)
    dense[torch.from_numpy(found.row).long(), torch.from_numpy(found.feature).long()] = torch.from_numpy(
        found.activation
    )
    return dense


def _same(of: str, what: str, ours: torch.Tensor, theirs: torch.Tensor) -> Line:
    off, largest = float((ours.cpu() - theirs.cpu()).abs().max()), float(theirs.abs().max())
    share = off / largest if largest else off
    return Line(of, what, "0", f"{share:.1e} of {largest:.4g}", share / CLOSE, "computed")
