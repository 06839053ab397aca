"""The tokens on which a feature fires most often, by corpus."""

import json

from atlas.site.pages.feature.section import Feature, Record, by_corpus

HEADING = "Tokens"
CORPORA, EACH = 6, 10


async def read(about: Feature) -> Record | None:
    """The tokens of the corpora in which it fires most often; None where it never fires."""
    active = [corpus for corpus in about.corpora if corpus["active_tokens"]]
    often = sorted(active, key=lambda corpus: (-corpus["active_tokens"], corpus["corpus"]))[:CORPORA]
    keys = json.dumps([corpus["corpus"] for corpus in often])
    listed = by_corpus(often, "tokens", await about.rows("tokens/rows", corpora=keys, each=EACH))
    behind = about.rows_behind("feature_token", _sort_desc="active_tokens")
    return {"corpora": listed, "rows": behind} if listed else None
