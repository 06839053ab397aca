"""From stored activations to sums, histograms, tokens and examples: each document counted once.

A document is summed after it is stored: `coverage.summed` says whether it has
been. Summing takes the documents of a corpus that are not yet in, adds what
they give, and marks them, in one transaction. New documents cost only
themselves; a full recompute is the same code over an empty start.
"""

from collections.abc import Iterator
from importlib.resources import files

import duckdb

from schema.errors import AtlasDamagedError
from schema.finite import advice
from schema.store import Atlas

SUM_TOKENS = 500_000
"""Tokens summed in one transaction: bounds memory, and what a kill can undo."""

TOP_EXAMPLES = 20
TOP_TOKENS = 10
OCTAVE_EXAMPLES = 3

STEPS = (
    "feature_document",
    "feature_corpus",
    "feature_histogram",
    "feature_token",
    "feature_top_token",
    "feature_example",
    "sae_corpus",
    "moments",
)


def pending(atlas: Atlas) -> list[tuple[int, int]]:
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


def sum_pending(atlas: Atlas) -> Iterator[tuple[int, int]]:
    """Sum everything that is not yet in, a transaction at a time; yields each (sae, corpus) as it is done.

    Raises:
        AtlasDamagedError: what an older version stored cannot be summed, since it is not finite.
    """
    for sae, corpus in pending(atlas):
        try:
            while _sum_some(atlas, sae, corpus):
                pass
        except duckdb.DataError as error:
            if wrong := advice(atlas):
                raise AtlasDamagedError(wrong) from error
            raise
        yield sae, corpus


def _sum_some(atlas: Atlas, sae: int, corpus: int) -> bool:
    """Sum the next SUM_TOKENS of a corpus; false if nothing was left."""
    values = {
        "sae": sae,
        "corpus": corpus,
        "sum_tokens": SUM_TOKENS,
        "top_examples": TOP_EXAMPLES,
        "top_tokens": TOP_TOKENS,
        "octave_examples": OCTAVE_EXAMPLES,
    }
    with atlas.transaction():
        _run(atlas, "unsummed", values)
        anything = bool(atlas.rows("SELECT COUNT(*) FROM unsummed")[0][0])
        for step in STEPS if anything else ():
            _run(atlas, step, values)
        atlas.rows(
            "UPDATE coverage SET summed = true WHERE sae = ? AND document IN (SELECT document FROM unsummed)", [sae]
        )
        for table in ("unsummed", "fresh", "touched"):
            atlas.rows(f"DROP TABLE {table}")
    return anything


def rank_tokens(atlas: Atlas, sae: int) -> None:
    """Rank an SAE's tokens anew, after sums were taken back; to be called inside a transaction."""
    atlas.rows("CREATE TEMP TABLE touched AS SELECT DISTINCT feature FROM feature_top_token WHERE sae = ?", [sae])
    _run(atlas, "feature_top_token", {"sae": sae, "top_tokens": TOP_TOKENS})
    atlas.rows("DROP TABLE touched")


def _run(atlas: Atlas, step: str, values: dict[str, int]) -> None:
    script = files("ingest.statistics").joinpath("sums", f"{step}.sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            used = {name: value for name, value in values.items() if f"${name}" in statement}
            atlas.rows(statement, used)
