"""Neuronpedia's bulk export: what its importer reads, and what its page of a feature answers.

FOLDER/MODEL/SOURCE/release.jsonl, model.jsonl, sourceset.jsonl, source.jsonl
FOLDER/MODEL/SOURCE/{features,activations,explanations}/batch-N.jsonl.gz        the rows of 1,024 features each

The importer takes a table's columns from the keys of a file's first line, so that every line has all of them.

Source: github.com/hijohnnylin/neuronpedia: apps/webapp/lib/db/import.ts, prisma/schema.prisma;
utils/neuronpedia-utils/neuronpedia_utils/export-data.py.
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

from atlas.exchange import Wanted
from atlas.exchange.metadata import metadata_lines
from atlas.exchange.published import Published, export_folder_names
from atlas.exchange.records import FeatureRecord, Window, dashboard_fields, feature_records
from ingest.jobs.progress import Progress, Report
from ingest.labels.imported.explanation import OF_NEURONPEDIA
from schema.store import Atlas

FEATURES_A_FILE = 1_024
CREATOR = "clkht01d40000jv08hvalcvly"
"""The user whom Neuronpedia's own exports name; a local instance has it."""

PUBLIC_TYPES = (".jsonl", ".jsonl.gz")
"""Labels out of such files are Neuronpedia's, whose methods and models its database knows."""


def write(atlas: Atlas, folder: Path, wanted: Wanted, report: Report) -> list[str]:
    """Write SAEs in the layout of Neuronpedia's export; a line for each.

    Raises:
        SelectionError: two of them have one name.
    """
    return [_write_sae(atlas, folder, own, report) for own in export_folder_names(atlas, wanted.keys(atlas))]


def _write_sae(atlas: Atlas, folder: Path, own: Published, report: Report) -> str:
    place = folder / own.model / own.source
    for part in ("features", "activations", "explanations"):
        (place / part).mkdir(parents=True)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for name, line in metadata_lines(atlas, own, CREATOR, now).items():
        (place / f"{name}.jsonl").write_text(_line(line), encoding="utf-8")
    ((total,),) = atlas.rows("SELECT COUNT(*) FROM feature WHERE sae = ?", [own.sae])
    records, done, windows = feature_records(atlas, own.sae), 0, 0
    for number in range(-(-total // FEATURES_A_FILE)):
        held = 0
        with ExitStack() as files:
            features, activations = (
                files.enter_context(_opened(place / part / f"batch-{number}.jsonl.gz"))
                for part in ("features", "activations")
            )
            for record in islice(records, FEATURES_A_FILE):
                features.write(_line(feature_line(own, record)))
                for line in activation_lines(own, record.feature, record.windows):
                    activations.write(_line(line))
                done, windows, held = done + 1, windows + len(record.windows), held + len(record.windows)
                report(Progress(own.label, done, total, "features"))
        if not held:  # the importer reads a first line of every file
            (place / "activations" / f"batch-{number}.jsonl.gz").unlink()
    labels = _write_explanations(atlas, place / "explanations", own)
    return f"{own.model}/{own.source}: {done:,} features, {windows:,} windows, {labels:,} explanations of {own.label}"


def feature_line(own: Published, record: FeatureRecord) -> dict[str, Any]:
    """A row of Neuronpedia's table Neuron."""
    line = {
        "modelId": own.model,
        "layer": own.source,
        "index": str(record.feature),
        "maxActApprox": record.max_activation,
        "creatorId": CREATOR,
        "sourceSetName": own.set_name,
        **dashboard_fields(record),
        "topkCosSimIndices": [other for other, _ in record.neighbours],
        "topkCosSimValues": [cosine for _, cosine in record.neighbours],
        "vector": [],
        "vectorLabel": None,
        "hookName": own.hook_name,
        "vectorDefaultSteerStrength": record.max_activation,
        "hasVector": False,
    }
    return line | {name: value for name, value in record.said.items() if name in line.keys() - {"hasVector"}}


def activation_lines(own: Published, feature: int, windows: Iterable[Window]) -> Iterator[dict[str, Any]]:
    """Rows of Neuronpedia's table Activation."""
    for place, window in enumerate(windows):
        largest = max(window.values)
        yield {
            "id": _id(own.label, "activation", feature, place),
            "tokens": window.tokens,
            "modelId": own.model,
            "layer": own.source,
            "index": str(feature),
            "maxValue": largest,
            "maxValueTokenIndex": window.values.index(largest),
            "minValue": min(window.values),
            "values": window.values,
            "creatorId": CREATOR,
            "binMin": window.bin_min,
            "binMax": window.bin_max,
            "binContains": window.bin_contains,
            "qualifyingTokenIndex": window.peak,
        }


def _write_explanations(atlas: Atlas, folder: Path, own: Published) -> int:
    """Every label, 1,024 a file; how many."""
    sql = """
        SELECT feature_label, feature, label, method, model, source, external_id
        FROM feature_label
        WHERE sae = $sae
        ORDER BY feature, feature_label
        LIMIT $rows OFFSET $done
    """
    done = 0
    while rows := atlas.rows(sql, {"sae": own.sae, "rows": FEATURES_A_FILE, "done": done}):
        with _opened(folder / f"batch-{done // FEATURES_A_FILE}.jsonl.gz") as file:
            for row in rows:
                file.write(_line(explanation_line(own, row)))
        done += len(rows)
    return done


def explanation_line(own: Published, row: tuple[Any, ...]) -> dict[str, Any]:
    """A row of Neuronpedia's table Explanation, which knows methods and models only by its own names."""
    key, feature, label, method, model, source, name = row
    theirs = source.endswith(PUBLIC_TYPES)
    return {
        "id": name or _id(own.label, "explanation", feature, key),
        "modelId": own.model,
        "layer": own.source,
        "index": str(feature),
        "authorId": CREATOR,
        "description": label,
        "typeName": method if theirs and method != OF_NEURONPEDIA else None,
        "explanationModelName": model if theirs else None,
        "notes": None if theirs else ", ".join(filter(None, (f"feature-atlas: {method}", model))),
    }


def _id(*parts: object) -> str:
    """An id that is the same each time, so that what is imported twice is there once."""
    return "c" + blake2b(json.dumps(parts).encode(), digest_size=12).hexdigest()


def _opened(path: Path) -> Any:
    return gzip.open(path, "wt", encoding="utf-8", newline="\n", compresslevel=5)


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"
