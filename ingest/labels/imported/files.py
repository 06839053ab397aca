"""Files of labels: which reader one has, and the three that there are.

Neuronpedia's bulk export: explanations/batch-N.jsonl.gz, an explanation a line.

Batches are in the order of indices as text, so that one says nothing of which indices it holds; each line does.

Source: https://docs.neuronpedia.org/api, "Exports"; fields as `webapp` of hijohnnylin/neuronpedia writes them.

delphi's explanations: a file a feature, MODULE_latentINDEX.txt, that holds the text as a JSON string.

Source: EleutherAI/delphi, delphi/__main__.py, explainer_postprocess.

Labels in CSV: a row a label, with the columns feature (or index) and label (or description), and others at will.

sae         the SAE's label, such as gpt2-small-res-jb/blocks.8.hook_resid_pre; a row of another is refused
method, author, model, created_at, id
"""

import csv
import hashlib
import json
import re
import reprlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ingest.labels.imported.explanation import (
    OF_NEURONPEDIA,
    Explanation,
    imported_label_index,
    imported_label_text,
    imported_label_time,
)
from ingest.sources.document import LINE_LIMIT
from ingest.sources.lines import lines_within_limit, source_json_lines
from schema.errors import SourceError

SUFFIXES = (".jsonl", ".jsonl.gz")
NEEDED = ("modelId", "layer", "index", "description")
TEXTS = ("modelId", "layer", "description", "typeName", "authorName", "explanationModelName", "id")


def neuronpedia_labels(path: Path) -> Iterator[Explanation]:
    """The explanations of a file, one after the other; those without a description say nothing and are left out.

    Raises:
        SourceError: the file is cut short, or a line is no explanation.
    """
    for where, fields in source_json_lines(path):
        found = _neuronpedia_label(where, fields)
        if found.label:
            yield found


def _neuronpedia_label(where: str, fields: Mapping[str, Any]) -> Explanation:
    missing = [name for name in NEEDED if name not in fields]
    if missing:
        raise SourceError(f"{where} is no explanation of Neuronpedia's: it has no {', '.join(missing)}")
    feature = imported_label_index(fields["index"])
    if feature is None:
        raise SourceError(
            f"{where}: {reprlib.repr(fields['index'])} is no index of a feature; it is a whole number from 0"
        )
    said = {name: imported_label_text(where, name, fields.get(name)) for name in TEXTS}
    return Explanation(
        where=where,
        dictionary=f"{said['modelId']}/{said['layer']}",
        feature=feature,
        label=" ".join((said["description"] or "").split()),
        method=said["typeName"] or OF_NEURONPEDIA,
        author=said["authorName"],
        model=said["explanationModelName"],
        created_at=imported_label_time(fields.get("createdAt")),
        external_id=said["id"],
    )


DELPHI = "delphi"
NAME = re.compile(r"(?P<module>.+)_latent(?P<index>\d{1,9})\.txt")


def delphi_labels(path: Path) -> Iterator[Explanation]:
    """The explanation of a file, or those of each file of a folder, by name.

    Raises:
        SourceError: a file is named otherwise or cannot be read, or a folder holds none.
    """
    files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
    if not files:
        raise SourceError(f"{path} holds no explanation of delphi's; they are called MODULE_latentINDEX.txt")
    for file in files:
        if label := _text(file):
            named = _name(file)
            module = imported_label_text(str(file), "its name", named["module"])
            yield Explanation(str(file), module, int(named["index"]), label, DELPHI)


def _name(file: Path) -> re.Match[str]:
    named = NAME.fullmatch(file.name)
    if named is None:
        raise SourceError(f"{file} is no explanation of delphi's; they are called MODULE_latentINDEX.txt")
    return named


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            data = stream.read(LINE_LIMIT + 1)
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{file} cannot be read: {error}") from error
    if len(data) > LINE_LIMIT:
        raise SourceError(f"{file} is longer than {LINE_LIMIT:,} bytes; it is no explanation of delphi's")
    try:
        found = json.loads(text)
    except ValueError:  # older versions wrote the text as it is
        found = text
    except RecursionError:  # brackets thousands deep
        found = None
    if not isinstance(found, str):
        raise SourceError(f"{file} holds no text, as explanations of delphi's do: {text[:40]!r}")
    return " ".join(str(imported_label_text(str(file), "what it holds", found)).split())


CSV = "csv"
NAMES = {"feature": ("feature", "index"), "label": ("label", "description")}
"""What a column may be called."""


def csv_labels(path: Path) -> Iterator[Explanation]:
    """The labels of a file, row by row; rows without a label are left out.

    Raises:
        SourceError: a column is missing, a feature is no index, or the file is no CSV in UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(lines_within_limit(path, file.readline), strict=True)
            columns = {name: _column(path, name, rows.fieldnames or ()) for name in NAMES}
            for row in rows:
                found = _csv_label(f"{path.name}: line {rows.line_num}", row, columns)
                if found.label:
                    yield found
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path} cannot be read as CSV in UTF-8: {error}") from error


def _column(path: Path, name: str, columns: object) -> str:
    held = list(columns) if isinstance(columns, list | tuple) else []
    for known in NAMES[name]:
        if known in held:
            return known
    raise SourceError(f"{path} has no column {' or '.join(NAMES[name])}; it has {', '.join(map(str, held)) or 'none'}")


def _csv_label(where: str, row: Mapping[str, str | None], columns: Mapping[str, str]) -> Explanation:
    spelled = row[columns["feature"]]
    feature = imported_label_index(spelled)
    if feature is None:
        raise SourceError(f"{where}: {reprlib.repr(spelled)} is no index of a feature; it is a whole number from 0")
    return Explanation(
        where=where,
        dictionary=row.get("sae") or None,
        feature=feature,
        label=" ".join((row[columns["label"]] or "").split()),
        method=row.get("method") or CSV,
        author=row.get("author") or None,
        model=row.get("model") or None,
        created_at=imported_label_time(row.get("created_at")),
        external_id=row.get("id") or None,
    )


def imported_labels_format(path: Path) -> str:
    """The format of a file or folder: neuronpedia, delphi or csv.

    Raises:
        SourceError: it is not there, or none of these.
    """
    if not path.exists():
        raise SourceError(f"{path} does not exist; name a file of labels")
    if path.name.endswith(SUFFIXES):
        return "neuronpedia"
    if path.is_dir() or path.suffix == ".txt":
        return "delphi"
    if path.suffix == ".csv":
        return "csv"
    raise SourceError(f"{path}: labels are read from .jsonl(.gz) of Neuronpedia's, .txt of delphi's, and .csv")


def read_imported_explanations(path: Path) -> Iterator[Explanation]:
    """The labels of a file or folder, one after the other.

    Raises:
        SourceError: see the readers.
    """
    readers = {
        "neuronpedia": neuronpedia_labels,
        "delphi": delphi_labels,
        "csv": csv_labels,
    }
    yield from readers[imported_labels_format(path)](path)


def imported_label_files_sha256(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of a folder's text files."""
    found = hashlib.sha256()
    for file in sorted(path.glob("*.txt")) if path.is_dir() else [path]:
        if path.is_dir():
            found.update(file.name.encode("utf-8", "surrogateescape"))
        with file.open("rb") as stream:
            found.update(hashlib.file_digest(stream, "sha256").digest())
    return found.hexdigest()
