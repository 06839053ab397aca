"""Direct attributions as rows: found again by their identity, stored a prompt at a time."""

import hashlib
import json
from collections.abc import Iterable, Sequence

import pyarrow as pa

from ingest.attribution.prompts import Prompt
from ingest.circuits.direct import AttentionPair, Direct
from ingest.circuits.tracer import Tracer
from ingest.models.spelling import token_text
from schema import tables
from schema.methods import method_revision
from schema.store import Atlas

MOST_PAIRS = 256
"""Pairs of positions that are kept of a prompt."""


def direct_identity(tracer: Tracer, feature: int, prompt: Prompt) -> str:
    """A hash of all that a direct attribution at the last token of a prompt depends on."""
    place = [prompt.document, prompt.ordinal, prompt.token_ids.tolist()]
    parts = [method_revision("direct attribution"), tracer.identity, feature, place]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def stored_direct(atlas: Atlas, identities: Iterable[str]) -> dict[str, int]:
    """The direct attributions among these that the atlas holds: identity -> key."""
    sql = (
        "SELECT identity, direct_attribution FROM direct_attribution WHERE identity IN (SELECT UNNEST($1)) ORDER BY ALL"
    )
    return dict(atlas.rows(sql, [list(identities)]))


def store_direct(
    atlas: Atlas,
    tracer: Tracer,
    asked: tuple[str, int, Prompt],
    found: tuple[Direct, tuple[Sequence[AttentionPair], float]],
    run: int,
) -> int:
    """Append what was found of an identity, feature and prompt; to be called inside a transaction. Its key."""
    (identity, feature, prompt), (direct, (pairs, pair_total)) = asked, found
    key, first = atlas.next_key(tables.direct_attribution), tracer.tokenization.first_position
    row = {
        "direct_attribution": key,
        "ingest_run": run,
        "sae": tracer.keys[0].sae,
        "feature": feature,
        "document": prompt.document,
        "ordinal": prompt.ordinal,
        "text": prompt.text,
        "tokens": json.dumps([token_text(tracer.model, i) for i in prompt.token_ids.tolist()], ensure_ascii=False),
        "first_position": first,
        "position": first + len(prompt) - 1,
        "pre_activation": direct.pre_activation,
        "residual": direct.residual,
        "pair_total": pair_total,
        "identity": identity,
    }
    atlas.append(tables.direct_attribution, pa.Table.from_pylist([row]))
    parts = [{"direct_attribution": key, "part": number, **part._asdict()} for number, part in enumerate(direct.parts)]
    atlas.append(tables.direct_part, pa.Table.from_pylist(parts))
    if pairs:
        rows = [{"direct_attribution": key, **pair._asdict()} for pair in pairs]
        atlas.append(tables.attention_pair, pa.Table.from_pylist(rows))
    return key
