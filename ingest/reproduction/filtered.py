"""The study's filter of prompts, as it ran, and what its test would have kept of any three tokens.

The values are those of `ingest.attribution.study_filter`: one run of shap's PartitionExplainer gives what the filter
looks at, and the tokens with the largest values, which it was meant to look at.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from ingest.attribution.study_filter import STUDY_TOP, passes_study_filter, study_rule
from schema import tables
from schema.store import Atlas


@dataclass(frozen=True)
class Filtered:
    """What the filter makes of a prompt: the tokens it looks at, those with the largest values, and its outcome.

    `names_first`: one of the latter is of the prompt's first word, with which the study's prompts name a pathology.
    """

    tokens: int
    looked_at: tuple[str, ...]
    top_tokens: tuple[str, ...]
    kept: bool
    names_first: bool

    @property
    def saw_the_top(self) -> int:
        """How many of the tokens with the largest values the filter looks at."""
        return (Counter(self.looked_at) & Counter(self.top_tokens)).total()


def reproduced_prompt_filter(
    values: Float[np.ndarray, "token generated"], tokens: Sequence[str], text: str
) -> Filtered:
    """What the filter makes of a prompt, from its SHAP values; a token's own is summed over what was generated."""
    looked_at, kept = study_rule(values, tokens, text)
    order = np.argsort(-np.abs(values.sum(axis=1)), kind="stable")[:STUDY_TOP].tolist()
    ends = np.cumsum([len(token) for token in tokens])
    first = len(text) - len(text.lstrip()) + len((text.split() or [""])[0])
    starts = ends - [len(token) for token in tokens]
    names_first = any(starts[place] < first for place in order)
    return Filtered(len(tokens), tuple(looked_at), tuple(tokens[place] for place in order), kept, names_first)


def kept_by_chance(tokenizer: Any, text: str) -> float:
    """The chance that one of three tokens drawn from a prompt passes the filter's test."""
    ids = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    n = len(ids)
    passing = sum(passes_study_filter(tokenizer.decode([token]), text) for token in ids)
    drawn = min(STUDY_TOP, n)
    return 1 - comb(n - passing, drawn) / comb(n, drawn) if n else 0.0


def documents_to_reproduce_filter_on(atlas: Atlas, model: int, corpus: str) -> list[tuple[int, str]]:
    """The documents of a corpus that the filter was not run on with this model, in order: key and text."""
    sql = """
        SELECT document, text
        FROM document
        JOIN corpus USING (corpus)
        WHERE corpus.name = ?
          AND document NOT IN (SELECT document FROM study_prompt WHERE model = ?)
        ORDER BY document
    """
    return [(int(document), str(text)) for document, text in atlas.rows(sql, [corpus, model])]


def store_filtered(atlas: Atlas, document: int, model: int, found: Filtered) -> None:
    """Append what the filter made of a prompt; to be called inside a transaction."""
    row = {
        "document": document,
        "model": model,
        "tokens": found.tokens,
        "looked_at": json.dumps(found.looked_at),
        "top_tokens": json.dumps(found.top_tokens),
        "kept": found.kept,
        "names_first": found.names_first,
    }
    atlas.append(tables.study_prompt, pa.Table.from_pylist([row]))


def stored_filtered(atlas: Atlas, model: int, corpus: str) -> list[tuple[str, Filtered]]:
    """What the filter made of each document of a corpus that it was run on, in order, with its text."""
    sql = """
        SELECT text, tokens, looked_at, top_tokens, kept, names_first
        FROM study_prompt
        JOIN document USING (document)
        JOIN corpus USING (corpus)
        WHERE corpus.name = ?
          AND model = ?
        ORDER BY document
    """
    return [
        (text, Filtered(tokens, tuple(json.loads(looked_at)), tuple(json.loads(top)), kept, names_first))
        for text, tokens, looked_at, top, kept, names_first in atlas.rows(sql, [corpus, model])
    ]
