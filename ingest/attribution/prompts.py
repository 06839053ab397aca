"""Prompts to be explained: windows of documents in the atlas, or texts given by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Int

from ingest.contrasts.selection import select_documents
from ingest.encode.windows import Tokenization
from schema.errors import SelectionError
from schema.store import Atlas

LEAST_TOKENS = 2


@dataclass(frozen=True)
class Prompt:
    """A window of text with its tokens, BOS left out.

    Spans are in characters of the document, or of the text; `term_span` is that of the concept that the document names.

    Shapes: token_ids, char_start, char_end (token,).
    """

    text: str
    token_ids: Int[np.ndarray, " token"]
    char_start: Int[np.ndarray, " token"]
    char_end: Int[np.ndarray, " token"]
    document: int | None = None
    ordinal: int = 0
    term: str | None = None
    term_span: tuple[int, int] = (0, 0)

    def __len__(self) -> int:
        return len(self.token_ids)

    def until(self, tokens: int) -> "Prompt":
        """Its first tokens: what a causal model has seen by then."""
        text = self.text[: self.char_end[:tokens].max() - self.char_start.min()]
        spans = self.char_start[:tokens], self.char_end[:tokens]
        return replace(self, text=text, token_ids=self.token_ids[:tokens], char_start=spans[0], char_end=spans[1])


def prompt_of_text(text: str, tokenization: Tokenization) -> Prompt:
    """The prompt that a text given by hand is.

    Raises:
        SelectionError: it has one token or none, or more than a window holds.
    """
    windows = tokenization.windows([text], [""])[0]
    tokens = sum(map(len, windows))
    if tokens < LEAST_TOKENS:
        raise SelectionError(f"the prompt {text[:60]!r} has {tokens} token{'s' * (tokens != 1)}; give at least two")
    if len(windows) > 1:
        raise SelectionError(
            f"the prompt '{text[:40]}...' has {tokens:,} tokens; a window holds {tokenization.window_tokens}: "
            "shorten it, or ingest it and explain its windows (--documents)"
        )
    window = windows[0]
    return Prompt(text, window.token_ids, window.char_start, window.char_end)


def prompts_of_documents(atlas: Atlas, sets: Sequence[str], tokenization: int, limit: int | None) -> list[Prompt]:
    """Every window of at least two tokens of the documents in the sets, in order.

    Raises:
        SelectionError: a set selects nothing, or nothing that was cut into such windows.
    """
    rows = _windows(atlas, list(select_documents(atlas, sets)), tokenization, (LEAST_TOKENS, limit))
    if not rows:
        raise SelectionError(
            f"{', '.join(sets)}: no document has a window of two tokens that this SAE reads; ingest it"
        )
    return [_prompt(row) for row in rows]


def prompt_windows(atlas: Atlas, documents: Sequence[int], tokenization: int) -> list[Prompt]:
    """Every window of these documents, of one token too, in order."""
    return [_prompt(row) for row in _windows(atlas, documents, tokenization, (1, None))]


def _windows(
    atlas: Atlas, documents: Sequence[int], tokenization: int, bounds: tuple[int, int | None]
) -> list[tuple[Any, ...]]:
    """Windows of at least so many tokens, and at most so many of them."""
    return atlas.rows(
        """
        SELECT
          document,
          ordinal,
          ANY_VALUE(document.text),
          LIST(token_id ORDER BY position),
          LIST(char_start ORDER BY position),
          LIST(char_end ORDER BY position),
          ANY_VALUE(term),
          ANY_VALUE(term_start),
          ANY_VALUE(term_end)
        FROM document
        JOIN context USING (document)
        JOIN token USING (context)
        WHERE document IN (SELECT UNNEST($1))
          AND tokenization = $2
        GROUP BY document, ordinal
        HAVING COUNT(*) >= $3
        ORDER BY document, ordinal
        LIMIT $4
        """,
        [documents, tokenization, *bounds],
    )


def _prompt(row: tuple[Any, ...]) -> Prompt:
    document, ordinal, text, *columns, term, start, end = row
    token_ids, char_start, char_end = (np.asarray(column, dtype=np.int32) for column in columns)
    shown = text[char_start.min() : char_end.max()]
    span = (0, 0) if term is None else (start, end)
    return Prompt(shown, token_ids, char_start, char_end, document, ordinal, term, span)
