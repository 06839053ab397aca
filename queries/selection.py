"""Whether the names that a query is given are in the atlas, so that a misspelt one is no empty answer.

The check reads nothing itself: `selection_statements` says which statements it judges by, and whoever has the atlas
open, the command or a server, runs them.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from queries.parameters import Parameter, Value, repeat_parameter_value
from queries.saved import SavedQuery
from schema import SelectionError

Held = Mapping[str, Sequence[Sequence[Any]]]
"""The rows of each statement that was looked at."""

SHOWN = 5
LONGEST_NAME = 200
"""Characters of a name that a message repeats."""
NOTHING: tuple[Value, ...] = ("", -1)
"""Defaults that name nothing: the query chooses."""
EVERY = "empty: all of them"
"""What the help of a parameter says whose default is every SAE, not one."""


@dataclass(frozen=True)
class Kind:
    """What a parameter may name: the word for it, each one's spellings in the atlas, how to come by one."""

    word: str
    sql: str
    advice: str


SAE = Kind(
    "SAE",
    "SELECT label, pinned FROM sae ORDER BY ordinal",
    "ingest something first: atlas ingest ATLAS SOURCE",
)
CORPUS = Kind("corpus", "SELECT name FROM corpus ORDER BY corpus", "ingest one: atlas ingest ATLAS SOURCE")
DOMAIN = Kind("domain", "SELECT DISTINCT domain FROM corpus ORDER BY domain", "ingest one: atlas ingest ATLAS SOURCE")
CONTRAST = Kind(
    "contrast",
    "SELECT name FROM contrast ORDER BY contrast",
    "compute one: atlas contrast ATLAS NAME --positive SET --control SET",
)
TARGET = Kind(
    "contrast with a target",
    "SELECT name FROM association WHERE kind = 'target' ORDER BY association",
    "compute one: atlas contrast ATLAS NAME --target FIELD",
)
CLASSES = Kind(
    "contrast of classes",
    "SELECT name FROM association WHERE kind = 'classes' ORDER BY association",
    "compute one: atlas contrast ATLAS NAME --class SET --class SET",
)
EXPLANATION = Kind(
    "explanation",
    "SELECT explanation FROM explanation ORDER BY explanation",
    "compute some: atlas explain token ATLAS --documents SET",
)
KINDS = {
    "sae": SAE,
    "other_sae": SAE,
    "corpus": CORPUS,
    "other_corpus": CORPUS,
    "domain": DOMAIN,
    "contrast": CONTRAST,
    "target": TARGET,
    "classes": CLASSES,
    "explanation": EXPLANATION,
}
SIZES = """
    SELECT label, pinned, d_sae
    FROM sae
    LEFT JOIN (SELECT sae, SUM(documents) AS documents FROM sae_corpus GROUP BY sae) AS r USING (sae)
    ORDER BY COALESCE(documents, 0) DESC, ordinal
"""
FEATURES_OF = {"feature": ("sae",), "other_feature": ("other_sae", "sae")}


def selection_statements(query: SavedQuery, values: Mapping[str, Value]) -> set[str]:
    """The statements whose rows `check_selection` judges these values by; both DuckDB and SQLite run them."""
    kinds = {KINDS[parameter.name].sql for parameter in _naming(query, values)}
    return kinds | {SIZES for name in FEATURES_OF if name in values}


def check_selection(query: SavedQuery, values: Mapping[str, Value], held: Held, atlas: str) -> None:
    """Check every value that names something in the atlas; a default that names nothing is left to the query.

    `atlas` is what the messages call it.

    Raises:
        SelectionError: a name or an index that is not in the atlas.
    """
    for parameter in _naming(query, values):
        kind = KINDS[parameter.name]
        _check_name(kind, str(values[parameter.name]), held[kind.sql], atlas)
    for name, holders in FEATURES_OF.items():
        if name in values:
            sae = next((str(values[holder]) for holder in holders if values.get(holder)), "")
            every = any(each.name in holders and EVERY in each.help for each in query.parameters)
            _check_feature(f"{name}={values[name]}", int(values[name]), _sizes(held[SIZES], sae, every), atlas)


def _naming(query: SavedQuery, values: Mapping[str, Value]) -> list[Parameter]:
    """The parameters whose value names something."""
    named = [parameter for parameter in query.parameters if parameter.name in KINDS and parameter.name in values]
    return [each for each in named if not (values[each.name] == each.default and each.default in NOTHING)]


def _check_name(kind: Kind, name: str, spellings: Sequence[Sequence[Any]], atlas: str) -> None:
    if any(name == str(spelling) for row in spellings for spelling in row):
        return
    names = [str(row[0]) for row in spellings]
    if not names:
        raise SelectionError(f"{atlas} holds no {kind.word}; {kind.advice}")
    near = difflib.get_close_matches(name, names, n=3)
    more = ", ..." if len(names) > SHOWN else ""
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(names[:SHOWN])}{more}"
    raise SelectionError(f"{atlas} has no {kind.word} {repeat_parameter_value(name, LONGEST_NAME)}; {hint}")


def _sizes(saes: Sequence[Sequence[Any]], name: str, every: bool) -> list[tuple[str, int]]:
    """The SAEs that an index may belong to, each with its features: the named one; without a name all, or one."""
    found = [(str(label), int(d_sae)) for label, pinned, d_sae in saes if name in ("", label, pinned)]
    return found if every else found[:1]


def _check_feature(feature: str, index: int, sizes: Sequence[tuple[str, int]], atlas: str) -> None:
    if not sizes:
        raise SelectionError(f"{atlas} holds no SAE; {SAE.advice}")
    name, d_sae = max(sizes, key=lambda size: size[1])
    if not 0 <= index < d_sae:
        raise SelectionError(f"{feature} is not in {name}; its features are 0 to {d_sae - 1}")
