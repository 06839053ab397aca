"""What an export says of an SAE, a feature and a window, checked on the way in.

An activation is 0 or more; texts are UTF-8; numbers are finite. What an atlas has no table for is kept under the names
that the export gives it, but for decoder rows, of which the length is kept.
"""

import math
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from atlas.exchange import is_folder_name
from atlas.exchange.published import NAME
from ingest.labels.imported.explanation import imported_label_index, imported_label_text
from schema.errors import SourceError

LONGEST = 2**15 - 1
"""Tokens of a window: a position has two bytes."""

LARGEST = float(np.finfo(np.float32).max)
OWN = frozenset(
    {"feature_index", "modelId", "layer", "index", "creatorId", "createdAt", "activations", "vector"}
    | {"pos_str", "pos_values", "neg_str", "neg_values"}
)
"""What is not kept as it was said: it has columns of its own, or is the exporter's."""


@dataclass(frozen=True)
class SaidSource:
    """The SAE of an export, as Neuronpedia names one; `release` and `sae_id` are SAELens' names, where it says them.

    `hook_name` is the hook point that its folder bears the name of, if it does.
    """

    model: str
    layer: int
    set_name: str
    release: str | None = None
    sae_id: str | None = None
    hook_name: str | None = None
    dataset: str | None = None
    prompts: int | None = None
    tokens_in_prompt: int | None = None
    said: Mapping[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """Such as 8-res-jb."""
        return f"{self.layer}-{self.set_name}"


@dataclass(frozen=True)
class SaidFeature:
    """A feature as an export describes it, its windows left out."""

    where: str
    feature: int
    raised: Sequence[tuple[str, float]]
    lowered: Sequence[tuple[str, float]]
    density: float | None
    max_activation: float | None
    decoder_norm: float | None
    said: Mapping[str, Any]


@dataclass(frozen=True)
class SaidWindow:
    """A window that an export shows of a feature: as many activations as tokens."""

    where: str
    feature: int
    tokens: Sequence[str]
    values: Sequence[float]
    bin_min: float | None
    bin_max: float | None
    bin_contains: float | None
    peak: int | None


def check_imported_source(where: str, source: SaidSource) -> SaidSource:
    """The same source.

    Raises:
        SourceError: a name is none that Neuronpedia could have, or a number is more than there can be.
    """
    for name in (source.model, source.set_name):
        if not NAME.fullmatch(name):
            raise SourceError(
                f"{where}: {reprlib.repr(name)} is no name of a model or a set; it has letters, digits, dots, - and _"
            )
    return check_imported_sae(where, source)


def check_imported_sae(where: str, source: SaidSource) -> SaidSource:
    """The same source, of a model that may have an owner or lie in a folder.

    Raises:
        SourceError: a part of the SAE's name leads elsewhere in a path, or a number is more than there can be.
    """
    for name in filter(None, (source.release, source.sae_id)):
        if not all(map(is_folder_name, name.split("/"))):
            raise SourceError(
                f"{where}: {reprlib.repr(name)} is no name of an SAE or its release: "
                "no part of it is empty, . or .., or has a backslash or a zero byte"
            )
    for said, number in (("layer", source.layer), ("tokens of a prompt", source.tokens_in_prompt)):
        if (number or 0) > LONGEST:
            raise SourceError(f"{where}: {said} {number:,} is more than the {LONGEST:,} there can be")
    return source


def said_feature(where: str, fields: Mapping[str, Any], index: str) -> SaidFeature:
    """A feature out of its JSON; `index` is the name of its index there.

    Raises:
        SourceError: a field holds something else than it should.
    """
    return SaidFeature(
        where,
        said_feature_index(where, fields, index),
        _weights(where, fields, "pos"),
        _weights(where, fields, "neg"),
        imported_number_or_none(where, "frac_nonzero", fields.get("frac_nonzero")),
        imported_number_or_none(where, "maxActApprox", fields.get("maxActApprox")),
        _norm(where, fields.get("vector")),
        {name: value for name, value in fields.items() if name not in OWN},
    )


def said_window(where: str, feature: int, fields: Mapping[str, Any], names: Sequence[str]) -> SaidWindow:
    """A window out of its JSON; `names` are those of bin_min, bin_max, bin_contains and the token it was chosen by.

    Raises:
        SourceError: a field holds something else than it should.
    """
    tokens, values = fields.get("tokens"), fields.get("values")
    if not isinstance(tokens, list) or not isinstance(values, list) or len(tokens) != len(values) or not tokens:
        raise SourceError(f"{where}: it has not as many values as tokens, or none")
    if len(tokens) > LONGEST:
        raise SourceError(f"{where}: it has {len(tokens):,} tokens; a window has at most {LONGEST:,}")
    texts = [imported_label_text(where, "a token", token) or "" for token in tokens]
    acts = [_activation(where, value) for value in values]
    low, high, share = (imported_number_or_none(where, name, fields.get(name)) for name in names[:3])
    peak = fields.get(names[3])
    if peak is not None and (isinstance(peak, bool) or not isinstance(peak, int) or not -1 <= peak < len(tokens)):
        raise SourceError(f"{where}: {names[3]} is {reprlib.repr(peak)}, which is no token of it")
    return SaidWindow(where, feature, texts, acts, low, high, share, peak)


def said_feature_index(where: str, fields: Mapping[str, Any], name: str) -> int:
    """The zero-based index of a feature.

    Raises:
        SourceError: there is none.
    """
    found = imported_label_index(fields.get(name))
    if found is None:
        raise SourceError(f"{where}: {name} is {reprlib.repr(fields.get(name))}; it is a whole number from 0")
    return found


def imported_number_or_none(where: str, name: str, value: object) -> float | None:
    """A finite number, or nothing.

    Raises:
        SourceError: it is something else.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        raise SourceError(f"{where}: {name} is no number that 32 bits hold: {reprlib.repr(value)}")
    return float(value)


def _activation(where: str, value: object) -> float:
    found = imported_number_or_none(where, "an activation", value)
    if found is None or found < 0:
        raise SourceError(f"{where}: {reprlib.repr(value)} is no activation of an SAE, which is 0 or more")
    return found


def _weights(where: str, fields: Mapping[str, Any], end: str) -> list[tuple[str, float]]:
    texts, values = fields.get(f"{end}_str", []), fields.get(f"{end}_values", [])
    if not isinstance(texts, list) or not isinstance(values, list) or len(texts) != len(values):
        raise SourceError(f"{where}: {end}_str and {end}_values are no lists of one length")
    return [
        (
            imported_label_text(where, f"{end}_str", text) or "",
            imported_number_or_none(where, f"{end}_values", value) or 0.0,
        )
        for text, value in zip(texts, values, strict=True)
    ]


def _norm(where: str, vector: object) -> float | None:
    """The length of a decoder row, where the export has one."""
    if not isinstance(vector, list) or not vector:
        return None
    return imported_number_or_none(
        where, "vector", math.hypot(*(imported_number_or_none(where, "vector", x) or 0.0 for x in vector))
    )
