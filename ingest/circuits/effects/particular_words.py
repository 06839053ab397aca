"""The words that are most particular to some documents: single tokens, far more frequent there than in all others.

Source: Monroe, Colaresi & Quinn 2008, "Fightin' Words", equations 15, 18 and 22 with a flat prior of 0.5 (the z of a
log-odds ratio).
"""

from collections.abc import Sequence

from ingest.contrasts.selection import select_documents
from schema.errors import SelectionError
from schema.statements import sql_file
from schema.store import Atlas

WORDS = 40
LEAST_TIMES = 2
LEAST_ODDS = 4
"""By how much the odds of a word are to be higher there."""


def particular_words(atlas: Atlas, sets: Sequence[str], tokenization: int, wanted: int = WORDS) -> list[int]:
    """Tokens, the most particular first; whole words of three letters or more, with the space before them.

    Raises:
        SelectionError: a set selects nothing, or everything, or no word is particular to it.
    """
    rows = atlas.rows(
        sql_file("ingest.circuits.effects", "particular_words"),
        {
            "documents": list(select_documents(atlas, sets)),
            "tokenization": tokenization,
            "least_times": LEAST_TIMES,
            "least_odds": LEAST_ODDS,
            "wanted": wanted,
        },
    )
    found = [token for token, _ in rows]
    if not found:
        raise SelectionError(f"no word is particular to {', '.join(sets)}; name tokens by hand: --word ' pain'")
    return found
