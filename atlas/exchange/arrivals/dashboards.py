"""SAEDashboard's batch-N.json: a head that names the SAE, then a feature after the other, each with its windows."""

import reprlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from atlas.exchange.arrivals.json_text import object_members
from atlas.exchange.arrivals.said import (
    SaidFeature,
    SaidSource,
    SaidWindow,
    check_imported_source,
    said_feature,
    said_feature_index,
    said_window,
)
from ingest.labels.imported.explanation import imported_label_index, imported_label_text
from schema.errors import SourceError

HEAD = ("model_id", "layer", "sae_set")
LISTED = "features"
BINS = ("bin_min", "bin_max", "bin_contains", "qualifying_token_index")


def source(folder: Path, files: Sequence[Path]) -> SaidSource:
    """The SAE that the first file is of, and what its first feature says of the prompts.

    Raises:
        SourceError: the file does not say it.
    """
    path = files[0]
    head: dict[str, Any] = {}
    for name, value in object_members(path, LISTED):
        if name == LISTED:
            return _source(path, head, value if isinstance(value, dict) else {})
        head[name] = value
    return _source(path, head, {})


def read(path: Path, own: SaidSource) -> Iterator[SaidFeature | SaidWindow]:
    """Each feature of a file, and after it its windows.

    Raises:
        SourceError: the file is of another SAE, cut short, or says something else than it should.
    """
    head: dict[str, Any] = {}
    for name, value in object_members(path, LISTED):
        if name != LISTED:
            head[name] = value
            continue
        _check(path, head, own)
        if not isinstance(value, dict):
            raise SourceError(f"{path}: {reprlib.repr(value)} is no feature")
        where = f"{path}: feature {said_feature_index(str(path), value, 'feature_index')}"
        found = said_feature(where, value, "feature_index")
        yield found
        windows = value.get("activations", [])
        if not isinstance(windows, list) or not all(isinstance(window, dict) for window in windows):
            raise SourceError(f"{where}: activations is no list of windows")
        for place, window in enumerate(windows):
            yield said_window(f"{where}, window {place}", found.feature, window, BINS)
    _check(path, head, own)


def _check(path: Path, head: Mapping[str, Any], own: SaidSource) -> None:
    found = _source(path, head, {})
    if (found.model, found.source) != (own.model, own.source):
        raise SourceError(
            f"{path} is of {found.model}/{found.source}, the files before it of {own.model}/{own.source}: "
            "the files of a folder are of one SAE"
        )


def _source(path: Path, head: Mapping[str, Any], first: Mapping[str, Any]) -> SaidSource:
    missing = [name for name in HEAD if name not in head]
    if missing:
        raise SourceError(f"{path} is none of SAEDashboard's: {', '.join(missing)} does not stand before its features")
    layer = imported_label_index(head["layer"])
    model, set_name = (imported_label_text(str(path), name, head[name]) for name in ("model_id", "sae_set"))
    if layer is None or not model or not set_name:
        raise SourceError(f"{path}: model_id, layer and sae_set are a name, a number and a name")
    suffix = imported_label_text(str(path), "sae_id_suffix", head.get("sae_id_suffix"))
    source = SaidSource(
        model,
        layer,
        f"{set_name}__{suffix}" if suffix else set_name,
        dataset=imported_label_text(str(path), "dataset", first.get("dataset")),
        prompts=imported_label_index(first.get("n_prompts_total")),
        tokens_in_prompt=imported_label_index(first.get("n_tokens_in_prompt")),
    )
    return check_imported_source(str(path), source)
