"""delphi's caches of activations, read: which files there are, and the sequences and activations in them, in parts.

FOLDER[/HOOK_NAME]/START_END.safetensors, config.json        as atlas.exchange.delphi writes them, and delphi does

What of a sequence is text, and whether the files fit together, is in `sequences`.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from atlas.exchange.arrivals.said import LONGEST, SaidFeature, SaidSource, check_imported_sae
from ingest.labels.imported.explanation import imported_label_text
from ingest.models.hook_points import HOOK_NAME
from schema.errors import SourceError

RANGE = re.compile(r"(\d{1,9})_(\d{1,9})\.safetensors")
LAYER = re.compile(r"(?:^(?:layer )?|\.)(\d{1,4})(?:\.|$)")
AT_ONCE = 2_048
"""Sequences in memory at a time."""
ROWS = 1_000_000
"""Activations in memory at a time."""

Tokens = Int[np.ndarray, "sequence position"]


@dataclass(frozen=True)
class Activations:
    """Some activations of a cache.

    Shapes: sequence, position, feature, activation (row,).
    """

    sequence: Int[np.ndarray, " row"]
    position: Int[np.ndarray, " row"]
    feature: Int[np.ndarray, " row"]
    activation: Float[np.ndarray, " row"]


def cache_files(folder: Path) -> list[Path]:
    """The files of a cache, in the order of their features.

    Raises:
        SourceError: a range of features is missing, or stands in two of them.
    """
    ranges = sorted(
        (*features_of_cache_file(path), path) for path in folder.glob("*_*.safetensors") if RANGE.fullmatch(path.name)
    )
    expected = 0
    for start, end, path in ranges:
        if start != expected or end < start:
            raise SourceError(
                f"{path}: features {start} to {end} do not follow those before it: {expected} is the next"
            )
        expected = end + 1
    return [path for _, _, path in ranges]


def source(folder: Path, files: Sequence[Path]) -> SaidSource:
    """What the config.json of a cache says of it, and its folder's name, which is that of the hook point.

    Raises:
        SourceError: it does not say which model it is of, a name in it is none, or a file is none of delphi's.
    """
    said, where, name = _config(folder), str(folder / "config.json"), folder.resolve().name
    for path in files:
        sequences, context_size = _checked(path)
        if (sequences, context_size) != _checked(files[0]):
            raise SourceError(f"{path} has other sequences than {files[0].name}; the files of a folder are of one run")
    layer = LAYER.search(name)
    label = imported_label_text(where, "source", said.get("source")) or ""
    release, _, sae_id = label.partition("@")[0].partition("/")
    found = SaidSource(
        imported_label_text(where, "model_name", said["model_name"]) or "",
        int(layer[1]) if layer else 0,
        "delphi",
        release=release if sae_id else "delphi",
        sae_id=sae_id or name,
        hook_name=name if HOOK_NAME.fullmatch(name) else None,
        dataset=said.get("dataset_repo") if isinstance(said.get("dataset_repo"), str) else None,
        prompts=sequences,
        tokens_in_prompt=context_size,
        said={"config": said},
    )
    return check_imported_sae(where, found)


def features(path: Path, _: SaidSource) -> Iterator[SaidFeature]:
    """The features of a file, of which it says no more than what they give."""
    start, end = features_of_cache_file(path)
    for feature in range(start, end + 1):
        yield SaidFeature(f"{path}: feature {feature}", feature, [], [], None, None, None, {})


def read_cached_token_ids(path: Path) -> Iterator[tuple[int, Tokens]]:
    """The token ids of the sequences, some at a time, with the number of the first of them."""
    with _opened(path) as file:
        held = file.get_slice("tokens")
        for first in range(0, held.get_shape()[0], AT_ONCE):
            yield first, held[first : first + AT_ONCE].numpy().astype(np.int64)


def read_activations(path: Path) -> Iterator[Activations]:
    """The activations of a file, some at a time.

    Raises:
        SourceError: one is of no token, of no feature of the file, or no activation.
    """
    start, end = features_of_cache_file(path)
    with _opened(path) as file:
        places, values = file.get_slice("locations"), file.get_slice("activations")
        bounds = np.array([*file.get_slice("tokens").get_shape(), end - start + 1])
        for first in range(0, places.get_shape()[0], ROWS):
            place = places[first : first + ROWS].long().numpy()
            value = values[first : first + ROWS].float().numpy()
            if ((place < 0) | (place >= bounds)).any():
                raise SourceError(f"{path}: a location from row {first:,} on is outside of its sequences or features")
            if not (np.isfinite(value) & (value >= 0)).all():
                raise SourceError(f"{path}: an activation from row {first:,} on is no number of 0 or more")
            kept = value > 0
            sequence, position, feature = place[kept].T
            yield Activations(sequence, position, feature + start, value[kept])


def features_of_cache_file(path: Path) -> tuple[int, int]:
    """The first and the last feature of a file, which its name says."""
    start, end = map(int, path.stem.split("_"))
    return start, end


def _config(folder: Path) -> dict[str, Any]:
    try:
        said = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{folder / 'config.json'} cannot be read ({error}); delphi writes one beside a cache"
        ) from error
    if not isinstance(said, dict) or not isinstance(said.get("model_name"), str) or not said["model_name"]:
        raise SourceError(f"{folder / 'config.json'} does not say the model_name that the cache is of")
    return said


def _checked(path: Path) -> tuple[int, int]:
    """How many sequences of how many tokens; arrays have the shapes of delphi's."""
    try:
        with _opened(path) as file:
            shapes = {name: file.get_slice(name).get_shape() for name in ("tokens", "locations", "activations")}
    except Exception as error:
        raise SourceError(f"{path} is cut short, or no file of a cache ({error}); get it anew") from error
    tokens, locations, values = shapes["tokens"], shapes["locations"], shapes["activations"]
    if len(tokens) != 2 or locations != [values[0], 3] or not 0 < tokens[1] <= LONGEST:
        raise SourceError(f"{path}: its arrays have not the shapes of delphi's: {shapes}")
    return tokens[0], tokens[1]


def _opened(path: Path) -> Any:
    from safetensors import safe_open

    return safe_open(path, framework="pt")
