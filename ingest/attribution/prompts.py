"""Prompts to be explained: windows of documents in the atlas, or texts given by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int

from ingest.contrasts.selection import select_documents
from ingest.encode.windows import Tokenization
from schema.errors import SelectionError
from schema.store import Atlas

LEAST_TOKENS = 2


@dataclass(frozen=True)
class Term:
    """The concept that a document names, with its span in characters of the document."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Prompt:
    """A window of text with its tokens, BOS left out.

    Shapes: token_ids, char_start, char_end (token,); spans are in characters of the document, or of the text.
    """

    text: str
    token_ids: Int[np.ndarray, " token"]
    char_start: Int[np.ndarray, " token"]
    char_end: Int[np.ndarray, " token"]
    document: int | None = None
    ordinal: int = 0
    term: Term | None = None

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
    documents = list(select_documents(atlas, sets))
    rows = atlas.rows(
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
        [documents, tokenization, LEAST_TOKENS, limit],
    )
    if not rows:
        raise SelectionError(
            f"{', '.join(sets)}: no document has a window of two tokens that this SAE reads; ingest it"
        )
    return [_prompt(row) for row in rows]


def _prompt(row: tuple[object, ...]) -> Prompt:
    document, ordinal, text, *columns, term, start, end = row
    token_ids, char_start, char_end = (np.asarray(column, dtype=np.int32) for column in columns)
    marked = Term(str(term), int(start), int(end)) if term is not None else None  # type: ignore[call-overload]
    shown = str(text)[char_start.min() : char_end.max()]
    return Prompt(shown, token_ids, char_start, char_end, int(document), int(ordinal), marked)  # type: ignore[call-overload]
