"""How many features are left after each test of meaning one thing, in a line."""

from collections.abc import Mapping
from itertools import groupby

from queries import find_query, run_query
from queries.parameters import Value
from schema import Atlas

FUNNEL = "funnel"
LISTS = "monosemantic"
"""The saved query whose tests the funnel counts."""

SHORT = {
    "fire": "fire",
    "tested": "tested",
    "at_q": "at q",
    "found": "found on one half",
    "confirmed": "confirmed on the other",
    "against_each": "against every control domain",
    "rare": "rare elsewhere",
    "own_words": "on words of the positive side",
    "words": "not one token",
    "terms": "on enough marked terms",
}


def funnel_lines(atlas: Atlas, values: Mapping[str, Value]) -> list[str]:
    """A line for each SAE, from the values of `monosemantic`.

    Raises:
        QueryError, SelectionError: see `run_query`.
    """
    known = {parameter.name for parameter in find_query(FUNNEL).parameters}
    rows = run_query(atlas, FUNNEL, {name: value for name, value in values.items() if name in known}).to_pylist()
    told = ((str(row["sae"]), f"{row['features']:,} {SHORT[row['test']]}") for row in rows)
    return [f"{sae}: {', '.join(step for _, step in steps)}" for sae, steps in groupby(told, key=lambda step: step[0])]
