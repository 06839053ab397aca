"""What goes between the machines of a run: a file for the documents of a batch, and one for what they are encoded to.

    FOLDER/documents/NAME.parquet    a row a document: what its record says, and which SAEs want it
    FOLDER/encoded/NAME.parquet      a row a window: its tokens, and what fires on them

FOLDER is an atlas' own: ATLAS.shards, or in the place that is given one that is named after the atlas' path, so that
what is the user's or another atlas' there stays. NAME is a hash of all that decides what is encoded: the SAEs, their
model, the texts and what of them is wanted. So a run finds what one before it has encoded, and takes no file of another
batch. A file has its name when it is whole.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs
import pyarrow.parquet as pq

from ingest.encode.batch import EncodedBatch
from ingest.encode.windows import Window
from ingest.rows.batches import Plan
from ingest.rows.source_records import Record
from ingest.sources import Document
from schema.errors import SourceError

DOCUMENTS, ENCODED = "documents", "encoded"
VERSION = b"1"
"""Of these files; another one has other names."""
OF_SAE = {"position": pa.int16(), "feature": pa.int32(), "activation": pa.float32()}


def batch_name(plan: Plan, read_by: str) -> str:
    """The name of a batch, for what the SAEs of `ray_shards_read_by` want of it; no two of a run have one."""
    said = blake2b(VERSION + read_by.encode(), digest_size=16)
    for record in plan.records:
        said.update(f"{record.document.content_hash} {record.corpus}\n".encode())
    said.update(np.packbits(np.asarray(plan.wanted, bool)).tobytes())
    return said.hexdigest()


@dataclass(frozen=True)
class Shards:
    """A folder, or an address in an object store, that every machine of a run reaches and nothing else is in."""

    place: str

    @classmethod
    def of(cls, atlas: Path, place: str | None) -> "Shards":
        """Those of an atlas, beside it, or at a place where others may have theirs."""
        path = str(atlas.resolve())
        if place is None:
            return cls(f"{path}.shards")
        own = blake2b(os.fsencode(path), digest_size=6).hexdigest()
        return cls(f"{place.rstrip('/')}/feature-atlas-shards-{own}")

    def write(self, kind: str, name: str, rows: pa.Table) -> None:
        """Write a file; killed in between, there is none of that name.

        Raises:
            OSError: the place cannot be written to.
        """
        system, path = self._path(kind, name)
        begun = f"{path}.{uuid4().hex}"
        system.create_dir(path.rpartition("/")[0], recursive=True)
        pq.write_table(rows, begun, filesystem=system, compression="zstd")
        system.move(begun, path)

    def read(self, kind: str, name: str) -> pa.Table:
        """The rows of a file.

        Raises:
            OSError: there is none, or it cannot be read.
        """
        system, path = self._path(kind, name)
        return pq.read_table(path, filesystem=system, partitioning=None)

    def holds(self, kind: str, name: str) -> bool:
        """Whether there is a file of that name."""
        system, path = self._path(kind, name)
        return bool(system.get_file_info(path).type == pyarrow.fs.FileType.File)

    def remove(self, name: str) -> None:
        """Remove the files of a batch that is loaded; those that are gone are no fault."""
        for kind in (DOCUMENTS, ENCODED):
            system, path = self._path(kind, name)
            if self.holds(kind, name):
                system.delete_file(path)

    def clear(self) -> None:
        """Remove what is left: files of killed workers, and of batches that are no batches any more."""
        for kind in (DOCUMENTS, ENCODED):
            system, path = self._path(kind, "")
            folder = path.rpartition("/")[0]
            if system.get_file_info(folder).type == pyarrow.fs.FileType.Directory:
                system.delete_dir(folder)
        if isinstance(system, pyarrow.fs.LocalFileSystem):
            with suppress(OSError):  # others may have something in it
                Path(folder).parent.rmdir()

    def _path(self, kind: str, name: str) -> tuple[Any, str]:
        if "://" in self.place:
            try:
                system, root = pyarrow.fs.FileSystem.from_uri(self.place)
            except pa.ArrowInvalid as error:
                raise SourceError(f"{self.place} is no address for files of a run: {error}") from error
        else:
            system, root = pyarrow.fs.LocalFileSystem(), self.place
        return system, f"{root.rstrip('/')}/{kind}/{name}.parquet"


def documents_table(plan: Plan) -> pa.Table:
    """The records of a batch, and in `wanted` whether each SAE is to encode them."""
    rows = [
        {**{each.name: getattr(record.document, each.name) for each in fields(Document)}, **_of_record(record)}
        | {"fields": [{"name": name, "value": value} for name, value in record.document.fields]}
        | {"wanted": list(wanted)}
        for record, wanted in zip(plan.records, zip(*plan.wanted, strict=True), strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=_DOCUMENTS)


def plan_of_shard(rows: pa.Table) -> Plan:
    """The plan of a batch as far as its file tells: what was to be encoded; for the rest it is to be made again."""
    found = rows.to_pylist()
    names = [each.name for each in fields(Document) if each.name != "fields"]
    records = [
        Record(
            Document(**{name: row[name] for name in names}, fields=_numbers(row["fields"])),
            **{name: row[f"record_{name}"] for name in _OF_RECORD},
        )
        for row in found
    ]
    wanted = [list(column) for column in zip(*(row["wanted"] for row in found), strict=True)]
    nothing = [False] * len(found)
    return Plan(records, [None] * len(found), nothing, wanted, nothing, after=-1)


_OF_RECORD = [each.name for each in fields(Record) if each.name != "document"]


def _of_record(record: Record) -> dict[str, Any]:
    return {f"record_{name}": getattr(record, name) for name in _OF_RECORD}


def _numbers(said: Sequence[dict[str, Any]]) -> tuple[tuple[str, float | None], ...]:
    return tuple((each["name"], each["value"]) for each in said)


_NOT_TEXT = {
    "term_start": pa.int64(),
    "term_end": pa.int64(),
    "identified": pa.bool_(),
    "sourced": pa.bool_(),
    "fields": pa.list_(pa.struct([("name", pa.string()), ("value", pa.float64())])),
}
_DOCUMENTS = pa.schema(
    [(each.name, _NOT_TEXT.get(each.name, pa.large_string())) for each in fields(Document)]
    + [(f"record_{name}", pa.string()) for name in _OF_RECORD]
    + [("wanted", pa.list_(pa.bool_()))]
)


def encoded_table(encoded: EncodedBatch) -> pa.Table:
    """The windows of a batch, each with lists of its tokens, and for each SAE s lists of what fires on them.

    Shapes: position_s, feature_s and activation_s of a window are of one length.
    """
    windows = [(place, window) for place, parts in enumerate(encoded.windows) for window in parts]
    columns = {
        "document": pa.array([place for place, _ in windows], pa.int32()),
        "ordinal": pa.array([window.ordinal for _, window in windows], pa.int32()),
        "content_hash": pa.array([window.content_hash for _, window in windows], pa.int64()),
    }
    for name in ("token_ids", "char_start", "char_end"):
        columns[name] = pa.array([getattr(window, name) for _, window in windows], pa.list_(pa.int32()))
    for s, rows in enumerate(encoded.activations):
        window = rows["window"].to_numpy()
        order = np.argsort(window, kind="stable")
        offsets = pa.array(np.searchsorted(window[order], np.arange(len(windows) + 1)), pa.int32())
        for name in OF_SAE:
            values = rows[name].combine_chunks().take(pa.array(order))
            columns[f"{name}_{s}"] = pa.ListArray.from_arrays(offsets, values)
    return pa.table(columns).replace_schema_metadata({"documents": str(len(encoded.windows))})


def encoded_of(rows: pa.Table, n_saes: int) -> EncodedBatch:
    """The batch that a file holds."""
    rows = rows.combine_chunks()
    windows: list[list[Window]] = [[] for _ in range(int(rows.schema.metadata[b"documents"]))]
    arrays = [_arrays(rows[name]) for name in ("token_ids", "char_start", "char_end")]
    single = (rows[name].to_pylist() for name in ("document", "ordinal", "content_hash"))
    for row, (place, ordinal, content_hash) in enumerate(zip(*single, strict=True)):
        token_ids, char_start, char_end = (found[row] for found in arrays)
        windows[place].append(Window(ordinal, token_ids, char_start, char_end, content_hash))
    return EncodedBatch(windows, [_activations(rows, s) for s in range(n_saes)])


def _arrays(lists: pa.ChunkedArray) -> list[np.ndarray]:
    """The lists of a column as arrays."""
    values = lists.combine_chunks().flatten().to_numpy()
    return np.split(values, np.cumsum(pc.list_value_length(lists).to_numpy())[:-1])


def _activations(rows: pa.Table, s: int) -> pa.Table:
    lengths = pc.list_value_length(rows[f"position_{s}"]).to_numpy()
    window = pa.array(np.repeat(np.arange(len(lengths), dtype=np.int32), lengths))
    values = {name: rows[f"{name}_{s}"].combine_chunks().flatten() for name in OF_SAE}
    return pa.table({"window": window, **values})
