"""Reading the documents of a source, one at a time and in its order."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from ingest.sources.document import Document, Fault, RecordError, Row, Skipped
from ingest.sources.file_formats import Input, or_empty
from ingest.sources.kinds import kind_of
from ingest.sources.record import Defaults, build_document
from schema.errors import SourceError
from schema.file_names import shown_path

DEFAULT_DOMAIN = "general"


def read_documents(
    source: str,
    *,
    on_error: Literal["stop", "skip"] = "stop",
    domain: str | None = None,
    numbers: Sequence[str] = (),
) -> Iterator[Document | Skipped]:
    """Read a source of any of the kinds in `kinds`, lazily; memory stays flat.

    `domain` is for documents that name none; `numbers` names fields that are kept as numbers. With `on_error="skip"`
    a bad record, or a bad file of several, gives a `Skipped` and reading goes on. A file of a drop folder that is
    still being written, or is of no known format, is always `Skipped`.

    Raises: SourceError for a source that names nothing readable and, with `on_error="stop"`,
        at the first bad record: file, line, what is wrong, what to do.
    """
    for file in kind_of(source).inputs(source):
        for outcome in _outcomes(file, domain or DEFAULT_DOMAIN, numbers):
            if isinstance(outcome, Document):
                yield outcome
            elif on_error == "skip" or outcome.waits:
                yield Skipped(_where(file, outcome), outcome.reason)
            else:
                raise SourceError(_message(file, outcome))


def source_stem(source: str) -> str:
    """Give the name of a source's corpus: `data/valid-00.jsonl.gz` gives valid-00, `bundled:medical` medical.

    Stdin gives stdin; a pattern what its file name begins with, else the name of its folder; a drop
    folder and a data set their own name; a notebook's list the name of the list.

    Raises: SourceError for a folder, a missing file, an unknown format or an unknown bundled corpus.
    """
    return kind_of(source).stem(source)


def source_place(source: str, beside: Path) -> str:
    """Give the folder that a source lies in, as seen from the folder `beside`; of what lies in none, its name.

    It tells two files of one name apart. One that is renamed in its folder, or moved along with the other folder,
    keeps its place.

    Raises: SourceError as `source_stem` does.
    """
    place = kind_of(source).place(source)
    return shown_path(os.path.relpath(place.resolve(), beside.resolve()) if isinstance(place, Path) else place)


def _outcomes(file: Input, domain: str, numbers: Sequence[str]) -> Iterator[Document | Fault]:
    for row in or_empty(file.rows()):
        yield row if isinstance(row, Fault) else _document(row, file, domain, numbers)


def _document(row: Row, file: Input, domain: str, numbers: Sequence[str]) -> Document | Fault:
    try:
        return build_document(row.fields, Defaults(f"{file.name}:{row.line}", domain, file.name), numbers)
    except RecordError as error:
        return Fault(row.line, str(error), error.advice)


def _where(file: Input, fault: Fault) -> str:
    return file.label if fault.line is None else f"{file.label}:{fault.line}"


def _message(file: Input, fault: Fault) -> str:
    skippable = fault.line is not None or not file.alone
    skip = ", or pass over it with --on-error skip" if skippable else ""
    return f"{_where(file, fault)}: {fault.reason}; {fault.advice}{skip}"
