"""A batch's rows, stored: documents, windows, tokens, activations and coverage, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.encode.batch import EncodedBatch
from ingest.encode.windows import Window, sampled_window
from ingest.rows.batches import Plan
from ingest.rows.document_rows import add_documents, bring_up_to_date, corpus_keys_of_records
from ingest.rows.registration import Registered
from schema import tables
from schema.store import Atlas


@dataclass(frozen=True)
class FreshWindow:
    """A window that is not stored yet, with its keys."""

    context: int
    document: int
    sampled: bool
    window: Window


def store_batch(atlas: Atlas, plan: Plan, encoded: EncodedBatch | None, registered: Registered, run: int) -> None:
    """Bring known documents up to date and append a batch's rows; to be called inside a transaction.

    encoded: what the SAEs give; None where no document was to be encoded.
    """
    documents = _store_documents(atlas, plan)
    if encoded is None:
        return
    contexts = _store_windows(atlas, plan, documents, encoded.windows, registered)
    for sae, activations, wanted in zip(registered.saes, encoded.activations, plan.wanted, strict=True):
        window = activations["window"].to_numpy()
        rows = activations.drop_columns("window")
        rows = rows.append_column("context", pa.array(contexts[window]))
        rows = rows.append_column("sae", pa.array(np.full(len(rows), sae, np.int16)))
        atlas.append(tables.activation, rows)
        atlas.append(tables.coverage, _coverage_rows(encoded.windows, documents, wanted, sae, run))


def _store_documents(atlas: Atlas, plan: Plan) -> list[int]:
    """Bring up to date what is known, append what is missing; the keys of all."""
    corpora = corpus_keys_of_records(atlas, plan.records)
    old = [place for place, outdated in enumerate(plan.outdated) if outdated]
    if old:
        known = [key for place in old if (key := plan.documents[place]) is not None]
        bring_up_to_date(atlas, [plan.records[place] for place in old], known)
    new = [place for place, known in enumerate(plan.documents) if known is None]
    added = iter(add_documents(atlas, [plan.records[place] for place in new], [corpora[place] for place in new]))
    return [next(added) if known is None else known for known in plan.documents]


def _store_windows(
    atlas: Atlas, plan: Plan, documents: Sequence[int], windows: Sequence[Sequence[Window]], registered: Registered
) -> np.ndarray:
    """Append the windows and tokens that are missing; the context keys of all, by place in the batch."""
    keys: list[int] = []
    fresh: list[FreshWindow] = []
    following = atlas.next_key(tables.context)
    for place, parts in enumerate(windows):
        if plan.windowed[place]:
            keys.extend(_known_contexts(atlas, documents[place], registered.tokenization))
            continue
        for window in parts:
            keys.append(following + len(fresh))
            sampled = window.ordinal == sampled_window(parts)
            fresh.append(FreshWindow(keys[-1], documents[place], sampled, window))
    if fresh:
        atlas.append(tables.context, _context_rows(fresh, registered.tokenization))
        atlas.append(tables.token, _token_rows(fresh, registered))
    return np.asarray(keys, dtype=np.int32)


def _known_contexts(atlas: Atlas, document: int, tokenization: int) -> list[int]:
    sql = "SELECT context FROM context WHERE document = ? AND tokenization = ? ORDER BY ordinal"
    return [row[0] for row in atlas.rows(sql, [document, tokenization])]


def _context_rows(fresh: Sequence[FreshWindow], tokenization: int) -> pa.Table:
    return pa.table(
        {
            "context": pa.array([row.context for row in fresh], pa.int32()),
            "document": pa.array([row.document for row in fresh], pa.int32()),
            "tokenization": np.full(len(fresh), tokenization, np.int16),
            "ordinal": pa.array([row.window.ordinal for row in fresh], pa.int32()),
            "tokens": pa.array([len(row.window) for row in fresh], pa.int16()),
            "sampled": pa.array([row.sampled for row in fresh], pa.bool_()),
            "content_hash": pa.array([row.window.content_hash for row in fresh], pa.int64()),
        }
    )


def _token_rows(fresh: Sequence[FreshWindow], registered: Registered) -> pa.Table:
    windows = [row.window for row in fresh]
    sizes = [len(window) for window in windows]
    first = registered.first_position
    token_id = np.concatenate([window.token_ids for window in windows])
    return pa.table(
        {
            "context": np.repeat(np.asarray([row.context for row in fresh], np.int32), sizes),
            "position": np.concatenate([np.arange(first, first + size, dtype=np.int16) for size in sizes]),
            "token_id": token_id,
            "text": _texts(windows, registered),
            "char_start": np.concatenate([window.char_start for window in windows]),
            "char_end": np.concatenate([window.char_end for window in windows]),
        }
    )


def _texts(windows: Sequence[Window], registered: Registered) -> pa.Array:
    """The text of each token; put together, those of a document give it.

    A tokenizer that puts a space before a text gives its first token a character that stands in no document.
    """
    texts = registered.vocabulary.take(pa.array(np.concatenate([window.token_ids for window in windows])))
    begins = np.cumsum([0, *map(len, windows)])[:-1]
    spaced = [
        int(place)
        for place, window in zip(begins, windows, strict=True)
        if window.ordinal == 0 and _adds_a_space(texts[place].as_py(), window)
    ]
    if not spaced:
        return texts
    mask = np.zeros(len(texts), bool)
    mask[spaced] = True
    return pc.replace_with_mask(texts, mask, pa.array([texts[place].as_py()[1:] for place in spaced], texts.type))


def _adds_a_space(text: str, window: Window) -> bool:
    """Whether a document's first token has a character more than it spans, or shares its span with the one after it."""
    if window.char_start[0] != 0 or not text.startswith(" "):
        return False
    shared = text == " " and len(window) > 1 and window.char_start[1] == 0
    return bool(shared or len(text) == window.char_end[0] + 1)


def _coverage_rows(
    windows: Sequence[Sequence[Window]],
    documents: Sequence[int],
    wanted: Sequence[bool],
    sae: int,
    run: int,
) -> pa.Table:
    chosen = [place for place, want in enumerate(wanted) if want]
    columns = {
        "sae": np.full(len(chosen), sae, np.int16),
        "document": np.asarray([documents[place] for place in chosen], np.int32),
        "ingest_run": np.full(len(chosen), run, np.int32),
        "tokens": np.asarray([sum(map(len, windows[place])) for place in chosen], np.int32),
        "contexts": np.asarray([len(windows[place]) for place in chosen], np.int32),
        "summed": np.full(len(chosen), fill_value=False),
    }
    return pa.table(columns)
