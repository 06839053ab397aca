"""What heads look at in documents, as rows: a document at a time, then a mean for each corpus."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import torch

from ingest.attribution.prompts import Prompt
from ingest.circuits.attention.attention_measures import MEASURES, Measured, measure_attention
from ingest.circuits.tracer import Tracer
from ingest.models.hook_points import PATTERN, hook_at
from schema import tables
from schema.store import Atlas

WEIGHTS_AT_ONCE = 2**24
"""Attention weights of all heads that are in memory at a time."""


def measure_attention_of_documents(tracer: Tracer, prompts: Sequence[Prompt]) -> dict[int, Measured]:
    """The measures of each document, over all of its windows."""
    found: dict[int, Measured] = {}
    for batch in _alike(tracer, prompts):
        for prompt, pattern in zip(batch, _patterns(tracer, batch), strict=True):
            assert prompt.document is not None
            token_ids = tracer.tokens(prompt).cpu().numpy()
            first = tracer.tokenization.first_position
            own = measure_attention(pattern, token_ids, first, _term_positions(prompt, first))
            found[prompt.document] = found[prompt.document] + own if prompt.document in found else own
    return found


def document_rows(tracer: Tracer, found: dict[int, Measured]) -> pa.Table:
    """A row a document, block and head."""
    parts = defaultdict(list)
    for document, each in found.items():
        mean = each.mean.reshape(len(MEASURES), -1)
        layers, heads = each.total.shape[1:]
        parts["document"].append(np.full(layers * heads, document, np.int32))
        parts["layer"].append(np.repeat(np.arange(layers, dtype=np.int16), heads))
        parts["head"].append(np.tile(np.arange(heads, dtype=np.int16), layers))
        for name, values in zip(MEASURES, mean, strict=True):
            parts[name].append(values.astype(np.float32))
    joined = {name: np.concatenate(values) for name, values in parts.items()}
    columns = {
        name: pa.array(values, mask=np.isnan(values) if name in MEASURES else None) for name, values in joined.items()
    }
    keys = tracer.keys[0]
    rows = len(joined["document"])
    own = {"model": keys.model, "tokenization": keys.tokenization}
    return pa.table({name: pa.array(np.full(rows, key, np.int16)) for name, key in own.items()} | columns)


def average_corpora(atlas: Atlas, model: int, tokenization: int) -> None:
    """Make the means of every corpus anew from its documents; to be called inside a transaction."""
    means = ", ".join(f"AVG(s.{name}) AS {name}" for name in MEASURES)
    atlas.rows("DELETE FROM attention_head WHERE model = ? AND tokenization = ?", [model, tokenization])
    rows = atlas.arrow(
        f"""
        SELECT model, tokenization, corpus, layer, head, CAST(COUNT(*) AS INTEGER) AS documents, {means}
        FROM attention_summary AS s
        JOIN document USING (document)
        WHERE model = $model
          AND tokenization = $tokenization
        GROUP BY model, tokenization, corpus, layer, head
        ORDER BY corpus, layer, head
        """,
        {"model": model, "tokenization": tokenization},
    )
    atlas.append(tables.attention_head, rows)


def documents_looked_at(atlas: Atlas, model: int, tokenization: int) -> set[int]:
    """The documents that are stored."""
    sql = "SELECT DISTINCT document FROM attention_summary WHERE model = ? AND tokenization = ?"
    return {key for (key,) in atlas.rows(sql, [model, tokenization])}


def corpus_means_complete(atlas: Atlas, model: int, tokenization: int) -> bool:
    """Whether the means of corpora are of all the documents that are stored."""
    sql = """
        SELECT
          (
            SELECT SUM(documents)
            FROM attention_head
            WHERE model = $1
              AND tokenization = $2
          ) IS NOT DISTINCT FROM (
            SELECT COUNT(*)
            FROM attention_summary
            WHERE model = $1
              AND tokenization = $2
          )
    """
    return bool(atlas.rows(sql, [model, tokenization])[0][0])


def _alike(tracer: Tracer, prompts: Iterable[Prompt]) -> Iterator[list[Prompt]]:
    """Windows of one length, as many as are run at once; each document's in order."""
    of_length: dict[int, list[Prompt]] = defaultdict(list)
    for prompt in prompts:
        of_length[len(prompt)].append(prompt)
    for length, alike in sorted(of_length.items()):
        weights = tracer.hooked.n_layers * tracer.n_heads * (length + 1) ** 2
        at_once = max(WEIGHTS_AT_ONCE // weights, 1)
        for first in range(0, len(alike), at_once):
            yield alike[first : first + at_once]


@torch.no_grad()
def _patterns(tracer: Tracer, batch: Sequence[Prompt]) -> torch.Tensor:
    """(batch, layer, head, query, key)."""
    names = [hook_at(layer, PATTERN) for layer in range(tracer.hooked.n_layers)]
    run = tracer.hooked.run(torch.stack([tracer.tokens(prompt) for prompt in batch]), names)
    return torch.stack([run.values[name] for name in names], 1)


def _term_positions(prompt: Prompt, first: int) -> tuple[int, int] | None:
    """The positions of the tokens that overlap the document's term, half-open; None where the window has none."""
    start, end = prompt.term_span
    inside = np.flatnonzero((prompt.char_start < end) & (prompt.char_end > start))
    return (first + int(inside[0]), first + int(inside[-1]) + 1) if len(inside) else None
