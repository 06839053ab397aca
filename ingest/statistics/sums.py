"""From stored activations to sums, histograms, tokens and examples: each document counted once.

A document is summed after it is stored: `coverage.summed` says whether it has been. Summing takes the documents of an
SAE that are not yet in, of all corpora together and in the order in which their activations lie, adds what they give,
and marks them, in one transaction. New documents cost only themselves; a full recompute is the same code over an empty
start.

A transaction goes through its windows in slices of a number of activations, each summed in arrays
(`ingest.statistics.window_sums`), and keeps of each what can still be merged (moments, histograms, tokens, examples):
no activation is read twice but to be counted. Where little comes to what is stored, its rows are raised where they lie
and others appended; where much comes, they are written anew, in order. What DuckDB adds up, it adds in any order: the
last digits of moments and sums may differ from one run to another.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.statistics.sum_rows import NO_DOCUMENTS, Activations, DocumentSums, Kept, SliceSums, Windows
from ingest.statistics.window_activations import (
    WindowActivations,
    read_window_activations,
    registered_places,
    slices_of_size,
)
from ingest.statistics.window_sums import sum_windows
from schema.errors import AtlasDamagedError
from schema.finite_numbers import finite_advice
from schema.memory import grouped_rows
from schema.statements import split_statements, sql_file
from schema.store import Atlas

SLICE_ROWS = 1 << 19
"""Activations summed at a time, and one window more: their arrays take some 60 MB, and larger slices no less time."""

TRANSACTION_ROWS = 1 << 27
"""Activations summed in one transaction, at most: what a kill can undo."""

ROOMS = 16
"""How often as many activations as DuckDB's share of memory can group are summed in one transaction, at most."""

TOP_EXAMPLES = 20
TOP_TOKENS = 10
OCTAVE_EXAMPLES = 3

ROOM_PER_RAISED = 4
"""Rows that DuckDB's share of memory can group, for each row of tokens that is raised in one transaction."""

MERGE_STEPS = (
    "feature_corpus",
    "{way}/feature_histogram",
    "{way}/feature_token",
    "{way}/counted",
    "feature_top_token",
    "candidate",
    "ranked_windows",
    "feature_example",
    "sae_corpus",
    "moments",
)

FOLDED = {
    "slice_histogram": ("fold/slice_histogram",),
    "slice_token": ("fold/slice_token",),
    "slice_example": ("fold/candidate", "ranked_windows", "fold/slice_example"),
}
"""Tables of what slices gave, and the steps that put their rows together."""

FOLD_ROWS = 1 << 22
"""Rows that slices give to one of these tables, at least, before they are put together for the first time."""

MADE = ("unsummed", "slice_moments", *FOLDED, "weakest", "last_drawn", "touched")
"""Temporary tables of a transaction."""


def unsummed_corpora(atlas: Atlas) -> list[tuple[int, int]]:
    """The (sae, corpus) pairs with documents that are not yet summed."""
    rows = atlas.rows(
        """
        SELECT DISTINCT sae, corpus
        FROM coverage
        JOIN document USING (document)
        WHERE NOT summed
        ORDER BY sae, corpus
        """
    )
    return [(int(sae), int(corpus)) for sae, corpus in rows]


def sum_corpora(
    atlas: Atlas, tokens: int | None = None, slice_rows: int | None = None, raised: int | None = None
) -> Iterator[tuple[int, int]]:
    """Sum everything that is not yet in; yields each (sae, corpus) as it is done.

    tokens: those of a transaction, by memory if not given; a document is never divided between two. slice_rows:
    activations that are summed at a time. raised: rows of tokens that are raised where they lie, at most; by memory if
    not given.

    Raises:
        AtlasDamagedError: an activation is no number above 0, or on a token that is not there.
    """
    pairs = unsummed_corpora(atlas)
    for sae in dict.fromkeys(sae for sae, _ in pairs):
        while _sum_some(atlas, sae, tokens or _tokens_of_transaction(atlas, sae), slice_rows or SLICE_ROWS, raised):
            pass
        yield from (pair for pair in pairs if pair[0] == sae)


def _room(atlas: Atlas) -> int:
    """Rows that DuckDB's share of memory can group."""
    return grouped_rows(atlas.rows("SELECT current_setting('memory_limit')")[0][0])


def _tokens_of_transaction(atlas: Atlas, sae: int) -> int:
    """Tokens to be summed in one transaction, by how many activations each that is summed has had; at first, all have.

    Activations are counted only where nothing is summed yet.
    """
    ((active, tokens),) = atlas.rows("SELECT SUM(activations), SUM(tokens) FROM sae_corpus WHERE sae = ?", [sae])
    if not tokens:
        ((active, tokens),) = atlas.rows(
            """
            SELECT
              (SELECT COUNT(*) FROM activation WHERE sae = $sae),
              (SELECT SUM(tokens) FROM coverage WHERE sae = $sae)
            """,
            {"sae": sae},
        )
    return int(max(1, min(TRANSACTION_ROWS, ROOMS * _room(atlas)) * tokens // max(active, 1)))


def _sum_some(atlas: Atlas, sae: int, tokens: int, slice_rows: int, raised: int | None) -> bool:
    """Sum the next documents of an SAE; false if nothing was left."""
    values = {
        "sae": sae,
        "tokens": tokens,
        "top_examples": TOP_EXAMPLES,
        "top_tokens": TOP_TOKENS,
        "octave_examples": OCTAVE_EXAMPLES,
    }
    with atlas.transaction():
        _run(atlas, "unsummed", values)
        found = bool(atlas.rows("FROM unsummed LIMIT 1"))
        if found:
            _sum_slices(atlas, values, slice_rows)
            _merge(atlas, values, _room(atlas) // ROOM_PER_RAISED if raised is None else raised)
        atlas.rows(
            "UPDATE coverage SET summed = true WHERE sae = ? AND document IN (SELECT document FROM unsummed)", [sae]
        )
        for table in MADE:
            atlas.rows(f"DROP TABLE IF EXISTS {table}")
    return found


def _sum_slices(atlas: Atlas, values: dict[str, int], slice_rows: int) -> None:
    """Sum the windows of the documents that are not yet in, and keep what each slice gives.

    While a slice is summed, the one before it is stored and the next one read.
    """
    kept, folded = Kept(TOP_EXAMPLES, OCTAVE_EXAMPLES), dict.fromkeys(FOLDED, 0)
    given: Future[SliceSums] | None = None
    with ThreadPoolExecutor(1) as beside:
        for windows in _slices(atlas, values["sae"], slice_rows):
            fired = _activations(atlas, windows, values["sae"])
            before = given.result() if given else None
            unfinished = before.unfinished if before else NO_DOCUMENTS
            given = beside.submit(sum_windows, windows, fired, unfinished, kept)
            if before:
                _keep(atlas, before, values)
                _fold(atlas, folded, values)
        if given:
            _keep(atlas, given.result(), values)
            _add_documents(atlas, given.result().unfinished, values)


def _slices(atlas: Atlas, sae: int, slice_rows: int) -> Iterator[Windows]:
    """The windows of all these documents in which anything fires, so many activations together."""
    found = _arrays(atlas.arrow(_statement("windows"), {"sae": sae}))
    windows = Windows(*(found[name] for name in Windows._fields))
    for part in slices_of_size(found["size"], slice_rows):
        yield Windows(*(column[part] for column in windows))


def _activations(atlas: Atlas, windows: Windows, sae: int) -> Activations:
    """What fires in these windows, and on which tokens."""
    reach = {"first": int(windows.context.min()), "last": int(windows.context.max())}
    fired = read_window_activations(atlas, sae, windows.context)
    with atlas.registered(places=registered_places(windows.context)):
        token = _arrays(atlas.arrow(_statement("tokens"), reach))
    if not (np.isfinite(fired.activation) & (fired.activation > 0)).all():
        raise AtlasDamagedError(finite_advice(atlas.rows, atlas.path) or _damaged(atlas, "activations not above 0"))
    token_id = _token_ids(fired, token)
    if token_id is None:
        raise AtlasDamagedError(_damaged(atlas, "activations on tokens that it has not"))
    return Activations(fired.feature, fired.place, fired.position, token_id, fired.activation)


def _token_ids(fired: WindowActivations, token: dict[str, np.ndarray]) -> np.ndarray | None:
    """The token that each activation is on, by place and position, which are in a row; None where one is not there."""
    last = len(token["place"]) - 1
    if last < 0:
        return None
    start = np.searchsorted(token["place"], np.arange(fired.place.max() + 1)).clip(max=last)[fired.place]
    found = (start + fired.position - token["position"][start]).clip(0, last)
    there = all(np.array_equal(token[name][found], getattr(fired, name)) for name in ("place", "position"))
    return token["token_id"][found] if there else None


def _damaged(atlas: Atlas, what: str) -> str:
    return f"{atlas.path} holds {what}; what else is wrong: atlas verify {atlas.path}"


def _keep(atlas: Atlas, given: SliceSums, values: dict[str, int]) -> None:
    """Store the documents that are whole, and keep for the merge what else a slice gives."""
    _add_documents(atlas, given.documents, values)
    moments, bins, tokens, examples = map(_table, (given.moments, given.bins, given.tokens, given.examples))
    with atlas.registered(moments=moments, bins=bins, tokens=tokens, examples=examples):
        _run(atlas, "slice", values)


def _fold(atlas: Atlas, folded: dict[str, int], values: dict[str, int]) -> None:
    """Put together what slices gave to a table whose rows have doubled since: few more are kept than come of them."""
    for table in FOLDED:
        if _count(atlas, table) > max(FOLD_ROWS, 2 * folded[table]):
            _put_together(atlas, table, values)
            folded[table] = _count(atlas, table)


def _put_together(atlas: Atlas, table: str, values: dict[str, int]) -> None:
    for step in FOLDED[table]:
        _run(atlas, step, values)


def _count(atlas: Atlas, table: str) -> int:
    return int(atlas.rows(f"SELECT COUNT(*) FROM {table}")[0][0])


def _add_documents(atlas: Atlas, documents: DocumentSums, values: dict[str, int]) -> None:
    with atlas.registered(documents=_table(documents)):
        _run(atlas, "feature_document", values)


def _table(columns: Any) -> pa.Table:
    """The columns of a named tuple."""
    return pa.table(dict(zip(columns._fields, columns, strict=True)))


def _arrays(table: pa.Table) -> dict[str, np.ndarray]:
    return {name: table[name].to_numpy() for name in table.column_names}


def _merge(atlas: Atlas, values: dict[str, int], raised: int) -> None:
    """Add what the slices gave to what is stored, in place where its rows of tokens are no more than `raised`."""
    few = _count(atlas, "slice_token") <= raised
    for table in ("slice_histogram", "slice_token") if few else ():
        _put_together(atlas, table, values)
    atlas.rows("CREATE TEMP TABLE touched AS SELECT DISTINCT feature FROM slice_histogram")
    for step in MERGE_STEPS:
        _run(atlas, step.format(way="raised" if few else "rewritten"), values)


def rank_summed_tokens(atlas: Atlas, sae: int) -> None:
    """Rank an SAE's tokens anew, after sums were taken back; to be called inside a transaction."""
    atlas.rows("CREATE TEMP TABLE touched AS SELECT DISTINCT feature FROM feature_top_token WHERE sae = ?", [sae])
    for step in ("rewritten/counted", "feature_top_token"):
        _run(atlas, step, {"sae": sae, "top_tokens": TOP_TOKENS})
    atlas.rows("DROP TABLE touched")


def _statement(step: str) -> str:
    return sql_file("ingest.statistics", f"sums/{step}")


def _run(atlas: Atlas, step: str, values: dict[str, int]) -> None:
    for statement in split_statements(_statement(step)):
        used = {name: value for name, value in values.items() if f"${name}" in statement}
        atlas.rows(statement, used)
