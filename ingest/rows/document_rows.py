"""Rows of documents: what a record says of its own, compared with what is stored, added or brought up to date.

Any column of `document` that is also a field of `ingest.sources.Document` takes part; a new one needs nothing here.
"""

from collections.abc import Iterator, Sequence

import pyarrow as pa
from sqlalchemy import Integer

from ingest.contrasts.stale import mark_stale, mark_stale_associations
from ingest.rows.fields import changed_fields, keep_fields
from ingest.rows.source_records import Record
from schema import tables
from schema.errors import SourceError
from schema.store import Atlas

LAST_CORPUS = 2**15 - 1
"""The largest key of a corpus: it stands in every row of the bulk tables, and has two bytes."""

GIVEN = {"external_id": "identified", "source": "sourced"}
"""Columns that a record may leave to the name of its file, each with the field that says whether it has not."""

SHOWN = frozenset({"source", "licence", "attribution", "folder"})
"""Columns that nothing is computed from."""

OWN = tuple(column for column in tables.document.columns if column.name not in {"document", "corpus"})
"""What a document's own record says of it."""


def document_rows(records: Sequence[Record]) -> pa.Table:
    """What records say, a row each: the name of the corpus, and every column of a document's own.

    Where a record leaves a column to the name of its file, the column `kept_COLUMN` is true.
    """
    rows = []
    for ordinal, record in enumerate(records):
        document = record.document
        own = {column.name: getattr(document, column.name, None) for column in OWN}
        kept = {f"kept_{name}": not getattr(document, given) for name, given in GIVEN.items()}
        more = {"ordinal": ordinal, "name": record.corpus}
        rows.append(own | kept | more | {"folder": record.folder})
    return pa.Table.from_pylist(rows, schema=_ROW)


_ROW = pa.schema(
    [(column.name, pa.int32() if isinstance(column.type, Integer) else pa.string()) for column in OWN]
    + [(f"kept_{name}", pa.bool_()) for name in GIVEN]
    + [("ordinal", pa.int64()), ("name", pa.string())]
)


def _following() -> Iterator[tuple[str, str]]:
    """Each column with what it is from now on, of a stored document and the row of its record."""
    for name in (column.name for column in OWN if column.name not in {"text", "content_hash"}):
        if name in GIVEN:
            yield name, f"CASE WHEN said.kept_{name} THEN document.{name} ELSE said.{name} END"
        elif name == "folder":  # where it was first read
            yield name, "COALESCE(document.folder, said.folder)"
        else:
            yield name, f"said.{name}"


FOLLOWING = dict(_following())


def differs_condition(columns: Sequence[str] = tuple(FOLLOWING)) -> str:
    """An SQL condition: what is stored in these columns is not what it is from now on."""
    return " OR ".join(f"document.{name} IS DISTINCT FROM {FOLLOWING[name]}" for name in columns)


def corpus_keys_of_records(atlas: Atlas, records: Sequence[Record]) -> list[int]:
    """The key of each record's corpus, added where it is new; to be called inside a transaction.

    Raises:
        SourceError: a corpus would hold two domains, or there are too many corpora.
    """
    known: dict[str, tuple[int, str]] = {
        row[0]: row[1:] for row in atlas.rows("SELECT name, corpus, domain FROM corpus")
    }
    following = atlas.next_key(tables.corpus)
    for record in records:
        name, document = record.corpus, record.document
        if name not in known:
            if following > LAST_CORPUS:
                raise SourceError(f"{atlas.path} has no room for corpus {name}, its {following + 1:,}th; give --domain")
            atlas.rows("INSERT INTO corpus VALUES (?, ?, ?)", [following, name, document.domain])
            known[name] = following, document.domain
            following += 1
        elif known[name][1] != document.domain:
            raise SourceError(
                f"{document.external_id} is of domain {document.domain}, but corpus {name} of {known[name][1]}; "
                "give --domain, or leave --corpus out: then each domain is a corpus"
            )
    return [known[record.corpus][0] for record in records]


def add_documents(atlas: Atlas, records: Sequence[Record], corpora: Sequence[int]) -> list[int]:
    """Append the rows of new documents; their keys. To be called inside a transaction."""
    first = atlas.next_key(tables.document)
    keys = list(range(first, first + len(records)))
    if keys:
        rows = document_rows(records).select([column.name for column in OWN])
        rows = rows.append_column("document", pa.array(keys, pa.int32()))
        atlas.append(tables.document, rows.append_column("corpus", pa.array(corpora, pa.int16())))
        keep_fields(atlas, records, keys)
    return keys


def bring_up_to_date(atlas: Atlas, records: Sequence[Record], keys: Sequence[int]) -> None:
    """Let known documents say what their records say; to be called inside a transaction.

    Contrasts are marked that rest on what has changed, as it was or as it is.
    """
    compared = differs_condition([name for name in FOLLOWING if name not in SHOWN])
    values = ", ".join(f"{name} = {value}" for name, value in FOLLOWING.items())
    same = "WHERE document.document = said.document"
    with atlas.registered(said=document_rows(records).append_column("document", pa.array(keys, pa.int32()))):
        rows = atlas.rows(f"SELECT document.document FROM document, said {same} AND ({compared})")
        changed = [key for (key,) in rows]
        mark_stale(atlas, changed)
        atlas.rows(f"UPDATE document SET {values} FROM said {same}")
        mark_stale(atlas, changed)
    numbered = changed_fields(atlas, records, keys)
    mark_stale_associations(atlas, numbered)
    keep_fields(atlas, records, keys)
    mark_stale_associations(atlas, numbered)
