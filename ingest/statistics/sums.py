"""From stored activations to sums, histograms, tokens and examples: each document counted once.

A document is summed after it is stored: `coverage.summed` says whether it has been. Summing takes the documents of an
SAE that are not yet in, of all corpora together and in the order in which their activations lie, adds what they give,
and marks them, in one transaction. New documents cost only themselves; a full recompute is the same code over an empty
start.

A transaction goes through its documents in parts, as large as DuckDB's share of memory allows, and keeps of each what
can still be merged (moments, histograms, tokens, examples): no activation is read twice. Where little comes to what is
stored, its rows are raised where they lie and others appended; where much comes, they are written anew, in order.
"""

from collections.abc import Iterator

import duckdb

from schema.errors import AtlasDamagedError
from schema.finite_numbers import finite_advice
from schema.memory import grouped_rows
from schema.statements import split_statements, sql_file
from schema.store import Atlas

PARTS = 16
"""Parts summed in one transaction: what a kill can undo."""

PART_ROWS = 16_000_000
"""Activations of a part, at most: larger ones are no faster."""

TOP_EXAMPLES = 20
TOP_TOKENS = 10
OCTAVE_EXAMPLES = 3

ROOM_PER_RAISED = 4
"""Rows that DuckDB's share of memory can group, for each row of tokens that is raised in one transaction."""

PART_STEPS = ("fresh", "feature_document", "feature_corpus", "parts")
MERGE_STEPS = (
    "{way}/feature_histogram",
    "{way}/feature_token",
    "{way}/counted",
    "feature_top_token",
    "feature_example",
    "sae_corpus",
    "moments",
)

MADE = ("unsummed", "part_histogram", "part_token", "part_example", "weakest", "last_drawn", "touched")
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
    atlas: Atlas, part_tokens: int | None = None, parts: int = PARTS, raised: int | None = None
) -> Iterator[tuple[int, int]]:
    """Sum everything that is not yet in; yields each (sae, corpus) as it is done.

    part_tokens: tokens of a part, as many as fit into memory if not given; a document is never divided. parts: those
    of a transaction, at most. raised: rows of tokens that are raised where they lie, at most; by memory if not given.

    Raises:
        AtlasDamagedError: what an older version stored cannot be summed, since it is not finite.
    """
    pairs = unsummed_corpora(atlas)
    for sae in dict.fromkeys(sae for sae, _ in pairs):
        try:
            while _sum_some(atlas, sae, part_tokens or _tokens_that_fit(atlas, sae), parts, raised):
                pass
        except duckdb.DataError as error:
            if wrong := finite_advice(atlas.rows, atlas.path):
                raise AtlasDamagedError(wrong) from error
            raise
        yield from (pair for pair in pairs if pair[0] == sae)


def _room(atlas: Atlas) -> int:
    """Rows that DuckDB's share of memory can group."""
    return grouped_rows(atlas.rows("SELECT current_setting('memory_limit')")[0][0])


def _tokens_that_fit(atlas: Atlas, sae: int) -> int:
    """Tokens whose activations can be grouped, by how many each that is summed has had; of a first batch, each stored.

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
    return int(max(1, min(PART_ROWS, _room(atlas)) * tokens // max(active, 1)))


def _sum_some(atlas: Atlas, sae: int, part_tokens: int, most: int, raised: int | None) -> bool:
    """Sum the next parts of an SAE's documents; false if nothing was left."""
    values = {
        "sae": sae,
        "part_tokens": part_tokens,
        "parts": most,
        "top_examples": TOP_EXAMPLES,
        "top_tokens": TOP_TOKENS,
        "octave_examples": OCTAVE_EXAMPLES,
    }
    with atlas.transaction():
        _run(atlas, "unsummed", values)
        parts = [part for (part,) in atlas.rows("SELECT DISTINCT part FROM unsummed ORDER BY part")]
        for part in parts:
            for step in PART_STEPS:
                _run(atlas, step, values | {"part": part})
        if parts:
            _merge(atlas, values, _room(atlas) // ROOM_PER_RAISED if raised is None else raised)
        atlas.rows(
            "UPDATE coverage SET summed = true WHERE sae = ? AND document IN (SELECT document FROM unsummed)", [sae]
        )
        for table in MADE:
            atlas.rows(f"DROP TABLE IF EXISTS {table}")
    return bool(parts)


def _merge(atlas: Atlas, values: dict[str, int], raised: int) -> None:
    """Add what the parts gave to what is stored, in place where its rows of tokens are no more than `raised`."""
    few = atlas.rows("SELECT COUNT(*) FROM part_token")[0][0] <= raised
    atlas.rows("CREATE TEMP TABLE touched AS SELECT DISTINCT feature FROM part_histogram")
    for step in MERGE_STEPS:
        _run(atlas, step.format(way="raised" if few else "rewritten"), values)


def rank_tokens(atlas: Atlas, sae: int) -> None:
    """Rank an SAE's tokens anew, after sums were taken back; to be called inside a transaction."""
    atlas.rows("CREATE TEMP TABLE touched AS SELECT DISTINCT feature FROM feature_top_token WHERE sae = ?", [sae])
    for step in ("rewritten/counted", "feature_top_token"):
        _run(atlas, step, {"sae": sae, "top_tokens": TOP_TOKENS})
    atlas.rows("DROP TABLE touched")


def _run(atlas: Atlas, step: str, values: dict[str, int]) -> None:
    for statement in split_statements(sql_file("ingest.statistics", f"sums/{step}")):
        used = {name: value for name, value in values.items() if f"${name}" in statement}
        atlas.rows(statement, used)
