"""A cache of delphi's into an atlas: each sequence is a document, with every activation on it.

All of an SAE is stored in one transaction, so that it is there whole or not; memory holds some sequences, some
activations, and a number for each sequence.
"""

import json
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa

from atlas.exchange.arrivals.caches import read_activations, read_cached_token_ids
from atlas.exchange.arrivals.registration import Checked, Entered
from atlas.exchange.arrivals.sequences import Layout
from atlas.exchange.arrivals.spelling import Spelled, window_as_bytes, window_as_text
from atlas.exchange.arrivals.windows import DOMAIN, Stored
from ingest.encode.windows import window_hash
from ingest.jobs.progress import Progress, Report
from ingest.models.spelling import spell_vocabulary
from schema import tables
from schema.store import Atlas

REPEATED = -1
"""In the place of the window of a sequence whose text another one has."""


class CacheStore:
    """Stores the cache of one SAE."""

    def __init__(
        self, atlas: Atlas, checked: Checked, entered: Entered, corpus: str, read_by: tuple[Any, Layout]
    ) -> None:
        tokenizer, self.layout = read_by
        self.atlas, self.checked, self.corpus_name = atlas, checked, corpus
        self.sae, self.tokenization = entered.sae, entered.tokenization
        self.texts = spell_vocabulary(tokenizer)
        self.read = _reading(tokenizer, self.texts)

    def store(self, run: int, report: Report) -> Stored:
        """Append all rows; to be called inside a transaction."""
        files = self.checked.export.files
        if not self.atlas.rows("SELECT 1 FROM vocabulary WHERE tokenization = ? LIMIT 1", [self.tokenization]):
            ids = {"tokenization": [self.tokenization] * len(self.texts), "token_id": range(len(self.texts))}
            self.atlas.append(tables.vocabulary, pa.table({**_arrays(ids), "text": pa.array(self.texts, pa.string())}))
        corpus, documents, read = self._corpus(), 0, 0
        contexts: list[np.ndarray] = []
        seen: set[str] = set()
        for first, block in read_cached_token_ids(files[0]):
            part = [self._window(row[:end]) for row, end in zip(block, self.layout.ends(block), strict=True)]
            found, new = self._contexts(part, corpus, first, seen)
            contexts.append(found)
            documents, read = documents + new, read + sum(len(ids) for ids, _ in part)
            report(Progress("importing", first + len(block), self.checked.export.said.prompts, "sequences"))
        context = np.concatenate(contexts) if contexts else np.zeros(0, np.int64)
        self._cover(context, run)
        count = 0
        for done, file in enumerate(files, start=1):
            count += sum(self._append(context, part) for part in read_activations(file))
            report(Progress("importing", done, len(files), "files"))
        return Stored(documents, read, count, len(context), int((context == REPEATED).sum()))

    def _window(self, row: np.ndarray) -> tuple[np.ndarray, Spelled]:
        """The token ids of a sequence up to its end, BOS left out where it was put there; and its text."""
        ids = row[self.layout.first :]
        return ids, self.read(ids)

    def _contexts(
        self, part: Sequence[tuple[np.ndarray, Spelled]], corpus: int, first: int, seen: set[str]
    ) -> tuple[np.ndarray, int]:
        """The window of each sequence, and how many documents are new."""
        hashes = [blake2b(read.text.encode(), digest_size=16).hexdigest() for _, read in part]
        sql = """
            SELECT content_hash, document, (
              SELECT MIN(context) FROM context AS c WHERE c.document = d.document AND c.tokenization = $tokenization
            )
            FROM document AS d
            WHERE corpus = $corpus AND list_contains($hashes, content_hash)
        """
        asked = {"tokenization": self.tokenization, "corpus": corpus, "hashes": hashes}
        known = {key: (document, context) for key, document, context in self.atlas.rows(sql, asked)}
        new_document = self.atlas.next_key(tables.document)
        new_context = self.atlas.next_key(tables.context)
        found = np.full(len(part), REPEATED, np.int64)
        documents: list[dict[str, Any]] = []
        fresh: list[tuple[int, int, int]] = []  # place in the part, window, document
        for place, key in enumerate(hashes):
            if key in seen:
                continue
            seen.add(key)
            document, context = known.get(key, (None, None))
            if document is None:
                document = new_document + len(documents)
                named = f"sequence {first + place}"
                row = {"document": document, "corpus": corpus, "external_id": named, "content_hash": key}
                documents.append(row | {"text": part[place][1].text, "source": self._origin()})
            if context is None:
                context = new_context + len(fresh)
                fresh.append((place, context, document))
            found[place] = context
        self._append_rows(tables.document, documents)
        self._append_windows(part, hashes, fresh)
        return found, len(documents)

    def _append_windows(
        self, part: Sequence[tuple[np.ndarray, Spelled]], hashes: Sequence[str], fresh: Sequence[tuple[int, int, int]]
    ) -> None:
        rows = [
            {
                "context": context,
                "document": document,
                "tokenization": self.tokenization,
                "ordinal": 0,
                "tokens": len(part[place][0]),
                "sampled": True,
                "content_hash": window_hash(hashes[place], 0),
            }
            for place, context, document in fresh
        ]
        self._append_rows(tables.context, rows)
        if not rows:
            return
        held = [(context, *part[place]) for place, context, _ in fresh]
        sizes = [len(ids) for _, ids, _ in held]
        spans = np.array([span for _, _, read in held for span in read.spans], np.int32).reshape(-1, 2)
        columns = {
            "context": np.repeat([context for context, _, _ in held], sizes).astype(np.int32),
            "position": np.concatenate([self.layout.first + np.arange(size, dtype=np.int16) for size in sizes]),
            "token_id": np.concatenate([ids for _, ids, _ in held]).astype(np.int32),
            "text": pa.array((self.texts[token] for _, ids, _ in held for token in ids), pa.string()),
            "char_start": spans[:, 0],
            "char_end": spans[:, 1],
        }
        self.atlas.append(tables.token, pa.table(columns))

    def _append(self, context: np.ndarray, part: Any) -> int:
        """Append activations, those of repeated sequences left out; how many."""
        kept = context[part.sequence] != REPEATED
        rows = {
            "sae": np.full(int(kept.sum()), self.sae, np.int16),
            "feature": part.feature[kept].astype(np.int32),
            "context": context[part.sequence[kept]].astype(np.int32),
            "position": part.position[kept].astype(np.int16),
            "activation": part.activation[kept].astype(np.float32),
        }
        self.atlas.append(tables.activation, pa.table(rows))
        return len(rows["sae"])

    def _cover(self, context: np.ndarray, run: int) -> None:
        held = pa.table({"context": pa.array(context[context != REPEATED].astype(np.int32))})
        with self.atlas.registered(held=held):
            self.atlas.rows(
                """
                INSERT INTO coverage BY NAME
                SELECT $sae AS sae, document, $run AS ingest_run, tokens, 1 AS contexts, false AS summed
                FROM held
                JOIN context USING (context)
                """,
                {"sae": self.sae, "run": run},
            )

    def _corpus(self) -> int:
        if known := self.atlas.rows("SELECT corpus FROM corpus WHERE name = ?", [self.corpus_name]):
            return int(known[0][0])
        key = self.atlas.next_key(tables.corpus)
        self.atlas.rows("INSERT INTO corpus VALUES (?, ?, ?)", [key, self.corpus_name, DOMAIN])
        return key

    def _origin(self) -> str:
        return f"delphi cache {self.checked.export.folder.resolve().name}"

    def _append_rows(self, table: Any, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            self.atlas.append(table, pa.Table.from_pylist(list(rows)))


def _arrays(columns: dict[str, Any]) -> dict[str, pa.Array]:
    return {name: pa.array(values, pa.int32()) for name, values in columns.items()}


def _reading(tokenizer: Any, texts: Sequence[str]) -> Callable[[np.ndarray], Spelled]:
    """How token ids are read: by bytes, where the tokenizer's vocabulary is spelled so, else by the texts of tokens."""
    decoder = json.loads(tokenizer.backend_tokenizer.to_str())["decoder"] or {}
    if "ByteLevel" not in {part.get("type") for part in (decoder, *decoder.get("decoders", ()))}:
        return lambda ids: window_as_text([texts[token] for token in ids])
    return lambda ids: window_as_bytes(tokenizer.convert_ids_to_tokens(ids.tolist()))
