"""Numbers of documents that were asked for by the names of their fields: compared with what is stored, and kept.

A record says of each name its number, or that it has none; names that were not asked for stay as they are.
"""

from collections.abc import Sequence

import pyarrow as pa

from ingest.rows.source_records import Record
from schema import tables
from schema.store import Atlas

_DIFFER = """
    SELECT DISTINCT said.document
    FROM said
    LEFT JOIN document_field USING (document, name)
    WHERE said.value IS DISTINCT FROM document_field.value
"""


def changed_fields(atlas: Atlas, records: Sequence[Record], keys: Sequence[int | None]) -> set[int]:
    """The keys of those stored documents whose records say other numbers than the atlas does."""
    said = _said(records, keys)
    if not len(said):
        return set()
    with atlas.registered(said=said):
        return {key for (key,) in atlas.rows(_DIFFER)}


def keep_fields(atlas: Atlas, records: Sequence[Record], keys: Sequence[int]) -> None:
    """Let the numbers of documents be what their records say; to be called inside a transaction."""
    said = _said(records, keys)
    if not len(said):
        return
    with atlas.registered(said=said):
        atlas.rows("DELETE FROM document_field WHERE (document, name) IN (SELECT document, name FROM said)")
    atlas.append(tables.document_field, said.filter(said["value"].is_valid()))


def _said(records: Sequence[Record], keys: Sequence[int | None]) -> pa.Table:
    rows = [
        {"document": key, "name": name, "value": value}
        for record, key in zip(records, keys, strict=True)
        if key is not None
        for name, value in record.document.fields
    ]
    return pa.Table.from_pylist(rows, schema=_ROW)


_ROW = pa.schema([("document", pa.int32()), ("name", pa.string()), ("value", pa.float64())])
