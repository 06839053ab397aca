"""Windows of an export into an atlas: each distinct one is a document, whatever features it shows, and how often.

A window of zeros is stored, and so is its place among those of its feature, but it is no example: examples are windows
in which the feature fires, each once. What is stored already is passed over, so that the same command finishes an
import that was killed.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from atlas.exchange.arrivals.said import SaidWindow
from atlas.exchange.arrivals.spelling import Spelled, window_as_text
from ingest.encode.windows import window_hash
from schema import tables
from schema.store import Atlas

AT_ONCE = 1_024
"""Windows of a transaction, which are in memory at a time: 130,000 tokens where they are of 128."""

DOMAIN = "imported"
Placed = tuple[int, SaidWindow]
"""A window with its place among those of its feature, from 0."""


Read = Callable[[Sequence[str]], Spelled]
"""How the tokens of a window are read."""


@dataclass(frozen=True)
class Text:
    """A window as a document of its own: its tokens as the file spells them, and how they are read."""

    tokens: Sequence[str]
    read: Read

    @cached_property
    def spelled(self) -> Spelled:
        """The window that is read."""
        return self.read(self.tokens)

    @property
    def text(self) -> str:
        """The text of the document."""
        return self.spelled.text

    @cached_property
    def content_hash(self) -> str:
        """The hash of the text, by which documents are known."""
        return blake2b(self.text.encode(), digest_size=16).hexdigest()

    @cached_property
    def context_hash(self) -> int:
        """A hash that is another one where the same text is cut into other tokens."""
        return window_hash(blake2b(json.dumps(self.tokens).encode(), digest_size=16).hexdigest(), 0)


@dataclass(frozen=True)
class Stored:
    """What was stored: documents, tokens and activations that are new; windows shown, and those left out.

    left_out: windows whose text is known, cut into other tokens: their positions would mean nothing there.
    """

    documents: int = 0
    tokens: int = 0
    activations: int = 0
    shown: int = 0
    left_out: int = 0


class WindowStore:
    """Stores the windows of one SAE, AT_ONCE at a time."""

    def __init__(
        self, atlas: Atlas, keys: tuple[int, int], corpus: str, origin: str, read: Read = window_as_text
    ) -> None:
        """`keys` are those of the SAE and its tokenization; `origin` says where the texts come from."""
        self.atlas, self.corpus, self.origin, self.read = atlas, corpus, origin, read
        self.sae, self.tokenization = keys
        sql = "SELECT COALESCE(spelled, text), token_id FROM vocabulary WHERE tokenization = ?"
        self.spelled: dict[str, int] = dict(atlas.rows(sql, [self.tokenization]))

    def fresh(self, windows: Iterable[SaidWindow]) -> Iterator[list[Placed]]:
        """The windows that are not stored yet, some at a time."""
        last = "SELECT feature, MAX(place) FROM shown_window WHERE sae = ? GROUP BY feature"
        stored: dict[int, int] = dict(self.atlas.rows(last, [self.sae]))
        read: dict[int, int] = defaultdict(int)

        def placed() -> Iterator[Placed]:
            for window in windows:
                place = read[window.feature]
                read[window.feature] += 1
                if place > stored.get(window.feature, -1):
                    yield place, window

        rest = placed()
        while part := list(islice(rest, AT_ONCE)):
            yield part

    def store(self, part: Sequence[Placed], run: int) -> Stored:
        """Append the rows of some windows; to be called inside a transaction."""
        texts = [Text(window.tokens, self.read) for _, window in part]
        documents, tokens = self._add_texts({text.content_hash: text for text in reversed(texts)})
        contexts = self._contexts(texts)
        self._cover(sorted({context for context in contexts if context is not None}), run)
        kept = [(context, *each) for context, each in zip(contexts, part, strict=True) if context is not None]
        activations = self._add_activations([(context, window) for context, _, window in kept])
        self._add_shown(kept)
        return Stored(documents, tokens, activations, len(kept), len(part) - len(kept))

    def _add_texts(self, texts: dict[str, Text]) -> tuple[int, int]:
        """Documents and windows of texts that are new; how many documents and tokens."""
        known = {row[0]: row[1:] for row in self._known(list(texts))}
        new = [text for key, text in texts.items() if key not in known]
        uncut = [text for key, text in texts.items() if key in known and known[key][1] is None]
        first = self.atlas.next_key(tables.document)
        keys = dict(zip((text.content_hash for text in new), range(first, first + len(new)), strict=True))
        corpus = self._corpus() if new else 0
        documents = [
            {
                "document": keys[text.content_hash],
                "corpus": corpus,
                "external_id": f"window {text.content_hash[:12]}",
                "text": text.text,
                "source": self.origin,
                "content_hash": text.content_hash,
            }
            for text in new
        ]
        self._append("document", documents)
        held = keys | {text.content_hash: known[text.content_hash][0] for text in uncut}
        return len(new), self._add_windows([(held[text.content_hash], text) for text in (*new, *uncut)])

    def _add_windows(self, texts: Sequence[tuple[int, Text]]) -> int:
        """A window of each document, and its tokens; how many tokens."""
        first = self.atlas.next_key(tables.context)
        windows = [
            {
                "context": first + place,
                "document": document,
                "tokenization": self.tokenization,
                "ordinal": 0,
                "tokens": len(text.tokens),
                "sampled": True,
                "content_hash": text.context_hash,
            }
            for place, (document, text) in enumerate(texts)
        ]
        self._append("context", windows)
        spelled = [token for _, text in texts for token in text.tokens]
        ends = [span for _, text in texts for span in text.spelled.spans]
        sizes = [len(text.tokens) for _, text in texts]
        columns = {
            "context": np.repeat(np.arange(first, first + len(texts), dtype=np.int32), sizes),
            "position": pa.array((place for size in sizes for place in range(size)), pa.int16()),
            "token_id": pa.array(self._token_ids(spelled), pa.int32()),
            "text": pa.array((token for _, text in texts for token in text.spelled.tokens), pa.string()),
            "char_start": pa.array((start for start, _ in ends), pa.int32()),
            "char_end": pa.array((end for _, end in ends), pa.int32()),
        }
        self.atlas.append(tables.token, pa.table(columns))
        return len(spelled)

    def _token_ids(self, spelled: Sequence[str]) -> list[int]:
        """The number of each token's text; new ones are appended to the vocabulary."""
        new = [text for text in dict.fromkeys(spelled) if text not in self.spelled]
        numbers = range(len(self.spelled), len(self.spelled) + len(new))
        texts = ((token, self.read([token]).tokens[0]) for token in new)
        rows = [
            {
                "tokenization": self.tokenization,
                "token_id": n,
                "text": text,
                "spelled": None if text == token else token,
            }
            for n, (token, text) in zip(numbers, texts, strict=True)
        ]
        self._append("vocabulary", rows)
        self.spelled.update(zip(new, numbers, strict=True))
        return [self.spelled[text] for text in spelled]

    def _contexts(self, texts: Sequence[Text]) -> list[int | None]:
        """The window of each text; None where it is cut into other tokens."""
        known = {row[0]: row[2:] for row in self._known(list({text.content_hash for text in texts}))}
        held = (known[text.content_hash] for text in texts)
        return [
            context if content_hash == text.context_hash else None
            for (context, content_hash), text in zip(held, texts, strict=True)
        ]

    def _known(self, hashes: Sequence[str]) -> list[tuple[Any, ...]]:
        """Of the texts that the corpus holds: hash, document, window and its hash, NULL where it is not cut so yet."""
        with self.atlas.registered(asked=pa.table({"content_hash": pa.array(hashes, pa.string())})):
            return self.atlas.rows(
                """
                SELECT d.content_hash, d.document, x.context, x.content_hash
                FROM asked
                JOIN document AS d ON d.content_hash = asked.content_hash
                JOIN corpus AS k ON k.corpus = d.corpus AND k.name = $corpus
                LEFT JOIN context AS x ON x.document = d.document AND x.tokenization = $tokenization
                """,
                {"corpus": self.corpus, "tokenization": self.tokenization},
            )

    def _corpus(self) -> int:
        if known := self.atlas.rows("SELECT corpus FROM corpus WHERE name = ?", [self.corpus]):
            return int(known[0][0])
        key = self.atlas.next_key(tables.corpus)
        self.atlas.rows("INSERT INTO corpus VALUES (?, ?, ?)", [key, self.corpus, DOMAIN])
        return key

    def _cover(self, contexts: Sequence[int], run: int) -> None:
        """The documents that the SAE is now known on, to be summed."""
        with self.atlas.registered(asked=pa.table({"context": pa.array(contexts, pa.int32())})):
            self.atlas.rows(
                """
                INSERT INTO coverage BY NAME
                SELECT $sae AS sae, document, $run AS ingest_run, tokens, 1 AS contexts, false AS summed
                FROM asked
                JOIN context USING (context)
                WHERE document NOT IN (SELECT document FROM coverage WHERE sae = $sae)
                """,
                {"sae": self.sae, "run": run},
            )

    def _add_activations(self, windows: Iterable[tuple[int, SaidWindow]]) -> int:
        """What features give in windows that were not shown of them before; how many activations."""
        once = {(window.feature, context): window for context, window in windows}
        pairs = {"feature": [feature for feature, _ in once], "context": [context for _, context in once]}
        asked = pa.table({name: pa.array(values, pa.int32()) for name, values in pairs.items()})
        with self.atlas.registered(asked=asked):
            shown = self.atlas.rows(
                "SELECT DISTINCT feature, context FROM asked JOIN shown_window USING (feature, context) WHERE sae = ?",
                [self.sae],
            )
        columns: dict[str, list[np.ndarray]] = {"feature": [], "context": [], "position": [], "activation": []}
        for feature, context in once.keys() - set(shown):
            values = np.asarray(once[feature, context].values, np.float32)
            position = np.flatnonzero(values)
            columns["feature"].append(np.full(len(position), feature))
            columns["context"].append(np.full(len(position), context))
            columns["position"].append(position)
            columns["activation"].append(values[position])
        types = {"feature": np.int32, "context": np.int32, "position": np.int16, "activation": np.float32}
        joined = {name: np.concatenate(columns[name] or [np.empty(0)]).astype(type_) for name, type_ in types.items()}
        rows = pa.table({**joined, "sae": np.full(len(joined["feature"]), self.sae, np.int16)})
        self.atlas.append(tables.activation, rows.sort_by([("context", "ascending"), ("feature", "ascending")]))
        return len(rows)

    def _add_shown(self, windows: Iterable[tuple[int, int, SaidWindow]]) -> None:
        rows = [
            {
                "sae": self.sae,
                "feature": window.feature,
                "place": place,
                "context": context,
                "bin_min": window.bin_min,
                "bin_max": window.bin_max,
                "bin_contains": window.bin_contains,
                "peak": window.peak,
            }
            for context, place, window in windows
        ]
        self._append("shown_window", rows)

    def _append(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            self.atlas.append(tables.metadata.tables[table], pa.Table.from_pylist(list(rows)))
