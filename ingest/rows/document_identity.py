"""The rules by which a record of a source and a document of an atlas are the same, and what a run has seen so far.

A document is one text of a corpus. A source may give its records ids; then an id is the name of one document of
the corpus. A run is the records of all its sources, from the first to the last, however they are cut into batches and
however often the run was killed and begun again.

Of one run:
    R1  Of records with one text, the first counts; the others are *repeated*, and counted.
    R2  An id that names two texts is a mistake: the second record is refused, or *skipped* and counted.

Of a record and what the atlas holds already:
    R3  Its text is in the corpus: it is that document, *known*. What the record says else (id, term, licence, ...)
        holds from now on: the document is *brought up to date*, and keeps its activations. Of the id and the source,
        which a record may leave to the name of its file, only what it gives itself is taken over: lines that move and
        files that are renamed change nothing.
    R4  Otherwise it is a new document.

Of a document whose text the run has not seen in its corpus, the run having read all of its sources and skipped nothing:
    R5  The run has seen its id there; or its text in another corpus of the same source (a corpus is STEM/DOMAIN), from
        the folder that it came from, under no other id: it is an older version, *replaced*.
    R6  Otherwise it stays; if the run is to drop what is gone, it is *dropped*.

R5 and R6 wait for the end of the run, since a text that has another id now may come in its last record. So no text is
lost that is in a source of the run, and the order of the records decides nothing but which of several with one text, or
one id, comes first. A run that could not read everything keeps older versions, and says so.

Two data sets whose files have one name would share a corpus, and perhaps ids:
    R7  Where the corpus is named after the source, an id that names a text from one folder does not name another from
        another folder: it is refused, also where bad records are skipped. If some id names the same text in both,
        it is one data set that was moved, and R5 holds. Texts without ids from two folders share the corpus, which is
        said once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pyarrow as pa

from ingest.rows.source_records import Record
from schema.errors import SourceError
from schema.store import Atlas

Name = tuple[str, str]
"""A corpus, and an id or the hash of a text in it."""


@dataclass(frozen=True)
class Bearer:
    """The text that an id names, by its hash, and the folder it came from, if that is known."""

    content_hash: str
    folder: str | None


@dataclass(frozen=True)
class Sifted:
    """What is left of a batch by R1 and R2: records to store, how many are repeated, and those with a taken id."""

    records: list[Record]
    repeated: int
    clashing: list[Record]


@dataclass
class Seen:
    """What a run has read so far, in a temporary table: some forty bytes a record.

    agreed: corpora with two folders in which some id names the same text; before: the folders of each corpus.
    """

    atlas: Atlas
    corpora: dict[str, int] = field(default_factory=dict)
    agreed: set[tuple[str, str, str]] = field(default_factory=set)
    before: dict[str, set[str]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.atlas.rows("CREATE OR REPLACE TEMP TABLE seen_corpus (number INTEGER, name VARCHAR, family VARCHAR)")
        self.atlas.rows("CREATE OR REPLACE TEMP TABLE seen (number INTEGER, text UUID, id UHUGEINT, folder VARCHAR)")
        self.before = self._folders()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for table in ("seen", "seen_corpus") if kind is None else ():  # an atlas that failed may be closed
            self.atlas.rows(f"DROP TABLE {table}")

    def sift(self, batch: Sequence[Record]) -> Sifted:
        """Take the next records in.

        Raises:
            SourceError: two sources that share a corpus have an id for different texts (R7).
        """
        asked = self._asked(batch)
        texts, bearers = self._recall(asked)
        kept: list[Record] = []
        clashing: list[Record] = []
        claims: list[int] = []
        for place, record in enumerate(batch):
            text = (record.corpus, record.document.content_hash)
            name = (record.corpus, record.external_id) if record.external_id else None
            bearer = bearers.get(name) if name else None
            if bearer and self.clashes(record, bearer):
                clashing.append(record)
                continue
            if text not in texts:
                kept.append(record)
            elif bearer or not name:
                continue
            texts.add(text)
            claims.append(place)
            if name:
                bearers[name] = Bearer(text[1], record.folder)
        with self.atlas.registered(claims=asked.take(pa.array(claims, pa.int64()))):
            self.atlas.rows(f"INSERT INTO seen SELECT number, {_TEXT}, {_ID}, folder FROM claims")
        return Sifted(kept, len(batch) - len(kept) - len(clashing), clashing)

    def clashes(self, record: Record, bearer: Bearer) -> bool:
        """Whether the id of a record names another text, in its own data set.

        Raises:
            SourceError: the other text is another data set's.
        """
        apart = record.folder is not None and bearer.folder is not None and record.folder != bearer.folder
        pair = (record.corpus, record.folder or "", bearer.folder or "")
        if bearer.content_hash == record.document.content_hash:
            if apart:
                self.agreed.add(pair)
            return False
        if apart and pair not in self.agreed:
            raise SourceError(
                f"{record.source}: its id {record.external_id!r} names another text of corpus {record.corpus}, "
                f"read from {_folder_words(bearer.folder)}; give it a corpus of its own: --corpus NAME, or, "
                f"where it is the same data set, moved: --corpus {record.corpus}"
            )
        return True

    def shared(self) -> list[str]:
        """A line for each corpus that this run has brought documents from another folder to."""
        folders = self._folders()
        return [
            f"{corpus} holds documents from {' and from '.join(map(_folder_words, sorted(folders[corpus])))} now; "
            "--corpus NAME keeps them apart"
            for corpus in self.corpora
            if len(folders.get(corpus, ())) > 1 and folders[corpus] - self.before.get(corpus, set())
        ]

    def _folders(self) -> dict[str, set[str]]:
        """The folders that the documents of each corpus came from."""
        rows = self.atlas.rows(
            "SELECT name, LIST(DISTINCT folder) FROM document JOIN corpus USING (corpus) GROUP BY name"
        )
        return {name: set(folders or ()) for name, folders in rows}

    def _asked(self, batch: Sequence[Record]) -> pa.Table:
        for record in batch:
            if record.corpus not in self.corpora:
                self.corpora[record.corpus] = len(self.corpora)
                row = [self.corpora[record.corpus], record.corpus, record.family]
                self.atlas.rows("INSERT INTO seen_corpus VALUES (?, ?, ?)", row)
        return pa.table(
            {
                "place": np.arange(len(batch)),
                "number": pa.array([self.corpora[record.corpus] for record in batch], pa.int32()),
                "content_hash": [record.document.content_hash for record in batch],
                "external_id": pa.array([record.external_id for record in batch], pa.string()),
                "folder": pa.array([record.folder for record in batch], pa.string()),
            }
        )

    def _recall(self, asked: pa.Table) -> tuple[set[Name], dict[Name, Bearer]]:
        """Of a batch's texts and ids, those that were seen before it."""
        with self.atlas.registered(asked=asked):
            texts = self.atlas.rows(
                f"""
                SELECT DISTINCT name, content_hash
                FROM asked
                JOIN seen ON seen.number = asked.number AND seen.text = {_TEXT}
                JOIN seen_corpus ON seen_corpus.number = asked.number
                """
            )
            bearers = self.atlas.rows(
                f"""
                SELECT DISTINCT name, external_id, seen.text, seen.folder
                FROM asked
                JOIN seen ON seen.number = asked.number AND seen.id = {_ID}
                JOIN seen_corpus ON seen_corpus.number = asked.number
                ORDER BY ALL DESC
                """
            )
        return set(texts), {(name, id_): Bearer(text.hex, folder) for name, id_, text, folder in bearers}


_TEXT = "CAST(content_hash AS UUID)"
_ID = "md5_number(external_id)"


def _folder_words(folder: str | None) -> str:
    return "the atlas's own folder" if folder == "." else str(folder)
