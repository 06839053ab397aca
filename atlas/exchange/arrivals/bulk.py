"""Neuronpedia's bulk export: lines of features, lines of their windows, and what the source is in files beside them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

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
from ingest.sources.lines import source_json_lines
from schema.errors import SourceError

SOURCE = re.compile(r"(\d{1,4})-(.+)")
BINS = ("binMin", "binMax", "binContains", "qualifyingTokenIndex")
BESIDE = ("release", "model", "sourceset", "source")


def source(folder: Path, files: Sequence[Path]) -> SaidSource:
    """The SAE of the first line, and what the files beside say of it.

    Raises:
        SourceError: the line does not say it.
    """
    where, first = next(source_json_lines(files[0]), (str(files[0]), {}))
    model, name = _names(where, first)
    found = SOURCE.fullmatch(name)
    if found is None:
        raise SourceError(f"{where}: layer is {name}; a source of SAEs is spelled LAYER-SET, such as 8-res-jb")
    said = {part: _first(folder / f"{part}.jsonl") for part in BESIDE}
    own = said["source"]
    of_file = SaidSource(
        model,
        int(found[1]),
        found[2],
        release=imported_label_text(where, "saelensRelease", own.get("saelensRelease")),
        sae_id=imported_label_text(where, "saelensSaeId", own.get("saelensSaeId")),
        dataset=imported_label_text(where, "dataset", own.get("dataset")),
        prompts=imported_label_index(own.get("num_prompts")),
        tokens_in_prompt=imported_label_index(own.get("num_tokens_in_prompt")),
        said={part: line for part, line in said.items() if line},
    )
    return check_imported_source(where, of_file)


def read(path: Path, own: SaidSource) -> Iterator[SaidFeature | SaidWindow]:
    """The features or the windows of a file, as its folder says.

    Raises:
        SourceError: a line is of another source, cut short, or says something else than it should.
    """
    for where, fields in source_json_lines(path):
        model, name = _names(where, fields)
        if (model, name) != (own.model, own.source):
            raise SourceError(f"{where} is of {model}/{name}, not of {own.model}/{own.source}")
        if path.parent.name == "features":
            yield said_feature(where, fields, "index")
        else:
            yield said_window(where, said_feature_index(where, fields, "index"), fields, BINS)


def _names(where: str, fields: Mapping[str, Any]) -> tuple[str, str]:
    model, name = (imported_label_text(where, key, fields.get(key)) for key in ("modelId", "layer"))
    if not model or not name:
        raise SourceError(f"{where} is no row of Neuronpedia's: it has no modelId or no layer")
    return model, name


def _first(path: Path) -> dict[str, Any]:
    """The first line of a file that may be missing."""
    return next(source_json_lines(path), ("", {}))[1] if path.is_file() else {}
