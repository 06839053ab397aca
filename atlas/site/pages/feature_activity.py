"""Where a feature fires, and how strongly: by corpus, as a histogram, by token."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from atlas.site.pages.reading import Row
from atlas.site.pages.subject import Subject

CORPORA = 6
TOKENS_EACH = 10
CORPUS = ("corpus", "name", "tokens_read", "active_tokens", "max_activation")


async def firing(about: Subject) -> dict[str, dict[str, Any] | None]:
    """Its `activity` by corpus, its `histogram` and its `tokens`; None for what it has not."""
    corpora = await about.rows("feature_statistics")
    active = [corpus for corpus in corpora if corpus["active_tokens"]]
    often = sorted(active, key=lambda corpus: (-corpus["active_tokens"], corpus["corpus"]))[:CORPORA]
    keys = json.dumps([corpus["corpus"] for corpus in often])
    bins, tokens = await asyncio.gather(
        about.rows("feature_bins"), about.rows("feature_tokens", corpora=keys, each=TOKENS_EACH)
    )
    return {
        "activity": _activity(about, corpora),
        "histogram": _listed(active, "bins", bins, about.rows_behind("feature_histogram")),
        "tokens": _listed(often, "tokens", tokens, about.rows_behind("feature_token", _sort_desc="active_tokens")),
    }


def _activity(about: Subject, corpora: list[Row]) -> dict[str, Any] | None:
    if not corpora:
        return None
    sums = ("tokens_read", "documents_read", "active_tokens", "documents")
    return {
        "corpora": corpora,
        **{name: sum(corpus[name] for corpus in corpora) for name in sums},
        "max_activation": max(corpus["max_activation"] or 0.0 for corpus in corpora),
        "rows": about.rows_behind("feature_corpus"),
    }


def _listed(corpora: list[Row], name: str, found: Iterable[Row], behind: str) -> dict[str, Any] | None:
    """The corpora that have such rows, each with its own."""
    grouped: dict[int, list[Row]] = defaultdict(list)
    for row in found:
        grouped[row["corpus"]].append({column: value for column, value in row.items() if column != "corpus"})
    listed = [
        {**{column: corpus[column] for column in CORPUS}, name: grouped[corpus["corpus"]]}
        for corpus in corpora
        if corpus["corpus"] in grouped
    ]
    return {"corpora": listed, "rows": behind} if listed else None
