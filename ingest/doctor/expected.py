"""Values that were published of a release, and files of them.

A file of the package, `published/RELEASE.json`, or one that a user names:

    {"release": "gpt2-small-res-jb",
     "sources": {"neuronpedia": {"what": "...", "address": "https://...", "licence": "Apache-2.0"}},
     "expected": [{"kind": "activations", "source": "neuronpedia", "sae_id": "blocks.7.hook_resid_pre",
                   "feature": 16653, "prompt": "Hello, world!", "values": [46.47, 11.28, 0, 0], "tolerance": 0.1}]}

Features are zero-based indices. `tolerance` is absolute, `share` (0 if left out) a share of what is expected that is
added to it. `processing` is how the source's model was processed, such as {"fold_ln": true}; if it is left out, as the
SAE asks for. `folded` says that the source's activations bear the length of their decoder row. Entries of `PROMPTED`
are of the lists of a notebook, and are held where one is named.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from ingest.models.hook_points import RESID_PRE, hook_at
from ingest.models.language_model import Processing
from ingest.reproduction.lists import CONTROL, POSITIVE, PROMPTS
from ingest.reproduction.moments import ENDS, HEADINGS
from schema.errors import ModelError

FIELDS: dict[str, tuple[str, ...]] = {
    "activations": ("sae_id", "feature", "prompt", "values"),
    "strongest": ("sae_id", "prompt", "features"),
    "places": ("sae_id", "feature", "places"),
    "similar": ("sae_id", "to", "nearest"),
    "decoder": ("sae_id", "feature", "entries"),
    "logits": ("sae_id", "feature", "weights"),
    "quality": ("sae_id", "figure", "value"),
    "stream": ("hook_name", "vector", "prompt", "values"),
    "completion": ("prompt", "text"),
    "prompts": ("list", "count"),
    "means": ("sae_id", "list", "means"),
    "candidates": ("sae_id", "features"),
    "moments": ("sae_id", "heading", "end", "features"),
}
"""What an entry of each kind has to say; `kinds` tells what they mean."""
PROMPTED = frozenset({"prompts", "means", "candidates"})
"""Kinds that need the lists of a notebook."""
CHOICES: dict[str, tuple[str, ...]] = {"list": (POSITIVE, CONTROL, PROMPTS), "heading": HEADINGS, "end": ENDS}
"""What may stand in fields that name something of the study."""
OPTIONAL = frozenset({"kind", "source", "sae_id", "tolerance", "share", "feature", "strength", "folded", "processing"})
ENTRY = hook_at(0, RESID_PRE)
"""Where a value depends on nothing but the token and its position."""


@dataclass(frozen=True)
class Expected:
    """One published value, or several of one kind; `told` is the entry as the file has it."""

    kind: str
    source: str
    sae_id: str | None
    told: Mapping[str, Any]
    tolerance: float = 0.0
    share: float = 0.0
    processing: Processing | None = None

    def __getitem__(self, name: str) -> Any:
        return self.told[name]

    def get(self, name: str, default: Any = None) -> Any:
        """What the entry says, or something else."""
        return self.told.get(name, default)


@dataclass(frozen=True)
class Published:
    """What was published of a release, and by whom."""

    release: str
    entries: Sequence[Expected] = ()
    sources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def sae_ids(self) -> list[str]:
        """The SAEs that something is known of, in their order."""
        return list(dict.fromkeys(entry.sae_id for entry in self.entries if entry.sae_id))

    def with_entries(self, entries: Iterable[Expected]) -> "Published":
        """The same, with these in place of what is known."""
        return replace(self, entries=tuple(entries))

    def of(self, sae_id: str | None) -> list[Expected]:
        """What is known of an SAE; of the model alone, for None."""
        return [entry for entry in self.entries if entry.sae_id == sae_id]


def published_values(release: str) -> Published:
    """What the package has of a release; nothing, where it has no file of it."""
    file = files("ingest.doctor").joinpath("published", f"{release}.json")
    return _read(file.read_text(encoding="utf-8"), file.name) if file.is_file() else Published(release)


def read_expected(path: Path) -> Published:
    """A user's own file.

    Raises:
        ModelError: it cannot be read, or an entry is not of the form; names the file and the entry.
    """
    try:
        return _read(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}; name a file of expected values") from error


def _read(text: str, name: str) -> Published:
    try:
        told = json.loads(text)
        entries = told["expected"]
        found = tuple(_entry(entry, number, name) for number, entry in enumerate(entries, start=1))
        return Published(str(told["release"]), found, told.get("sources", {}))
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"{name} is no file of expected values (a JSON object with 'release' and 'expected'): "
            f"{type(error).__name__}: {error}"
        ) from error


def _entry(told: Any, number: int, name: str) -> Expected:
    where = f"{name}, entry {number}"
    kind = told.get("kind") if isinstance(told, dict) else None
    if kind not in FIELDS:
        raise ModelError(f"{where}: its kind is {kind!r}; there are: {', '.join(FIELDS)}")
    missing = [each for each in FIELDS[kind] if each not in told]
    unknown = sorted(set(told) - set(FIELDS[kind]) - OPTIONAL)
    if missing or unknown:
        wrong = f"has no {', '.join(missing)}" if missing else f"has {', '.join(unknown)}, which is not known"
        raise ModelError(f"{where}: {kind} {wrong}; it says {', '.join(FIELDS[kind])}")
    for field_, choices in CHOICES.items():
        if told.get(field_, choices[0]) not in choices:
            raise ModelError(f"{where}: {field_} is {told[field_]!r}; there are: {', '.join(choices)}")
    if kind == "places" and told["sae_id"] != ENTRY:
        raise ModelError(f"{where}: places tell token and position alone, on which only {ENTRY} depends")
    tolerance, share = (float(told.get(each, 0)) for each in ("tolerance", "share"))
    processing = Processing.from_options(told["processing"]) if "processing" in told else None
    return Expected(kind, str(told.get("source", name)), told.get("sae_id"), told, tolerance, share, processing)
