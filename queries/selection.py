"""Whether the names that a query is given are in the atlas, so that a misspelt one is no empty answer."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from queries.parameters import Value
from queries.saved import SavedQuery
from schema import Atlas, SelectionError

SHOWN = 5
NOTHING: tuple[Value, ...] = ("", -1)
"""Defaults that name nothing: the query chooses."""


@dataclass(frozen=True)
class Kind:
    """What a parameter may name: the word for it, the names in the atlas, how to come by one, other spellings."""

    word: str
    sql: str
    advice: str
    other_spellings: str = ""


SAE = Kind(
    "SAE",
    "SELECT label FROM sae ORDER BY ordinal",
    "ingest something first: atlas ingest ATLAS SOURCE",
    other_spellings="SELECT pinned FROM sae",
)
CORPUS = Kind("corpus", "SELECT name FROM corpus ORDER BY corpus", "ingest one: atlas ingest ATLAS SOURCE")
DOMAIN = Kind("domain", "SELECT DISTINCT domain FROM corpus ORDER BY domain", "ingest one: atlas ingest ATLAS SOURCE")
CONTRAST = Kind(
    "contrast",
    "SELECT name FROM contrast ORDER BY contrast",
    "compute one: atlas contrast ATLAS NAME --positive SET --control SET",
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
    "explanation": EXPLANATION,
}
FEATURES_OF = {"feature": ("sae",), "other_feature": ("other_sae", "sae")}


def check_selection(atlas: Atlas, query: SavedQuery, values: Mapping[str, Value]) -> None:
    """Check every value that names something in the atlas; a default that names nothing is left to the query.

    Raises:
        SelectionError: a name or an index that is not in the atlas.
    """
    for parameter in query.parameters:
        value = values[parameter.name]
        if parameter.name in KINDS and not (value == parameter.default and value in NOTHING):
            _check_name(atlas, KINDS[parameter.name], str(value))
    for name, holders in FEATURES_OF.items():
        if name in values:
            sae = next((str(values[holder]) for holder in holders if values.get(holder)), "")
            _check_feature(atlas, name, int(values[name]), sae)


def _check_name(atlas: Atlas, kind: Kind, name: str) -> None:
    names = _names(atlas, kind.sql)
    if name in names or (kind.other_spellings and name in _names(atlas, kind.other_spellings)):
        return
    if not names:
        raise SelectionError(f"{atlas.path} holds no {kind.word}; {kind.advice}")
    near = difflib.get_close_matches(name, names, n=3)
    more = ", ..." if len(names) > SHOWN else ""
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(names[:SHOWN])}{more}"
    raise SelectionError(f"{atlas.path} has no {kind.word} '{name}'; {hint}")


def _names(atlas: Atlas, sql: str) -> list[str]:
    return [str(row[0]) for row in atlas.duckdb.execute(sql).fetchall()]


def _check_feature(atlas: Atlas, parameter: str, index: int, sae: str) -> None:
    sql = "SELECT label, d_sae FROM sae WHERE ? IN ('', label, pinned) ORDER BY ordinal LIMIT 1"
    chosen = atlas.duckdb.execute(sql, [sae]).fetchall()
    if not chosen:
        raise SelectionError(f"{atlas.path} holds no SAE; {SAE.advice}")
    name, d_sae = chosen[0]
    if not 0 <= index < d_sae:
        raise SelectionError(f"{parameter}={index} is not in {name}; its features are 0 to {d_sae - 1}")
