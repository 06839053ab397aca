"""The start page: what this atlas holds, what it found, and ways in. Datasette's own list stays at /.json."""

from typing import TYPE_CHECKING, Any

from atlas.publish.about import EMBEDDED_NOTE
from atlas.site.pages import start_rows
from atlas.site.pages.memory import Memory, kept
from atlas.site.pages.page import Asked, Page
from atlas.site.pages.reading import row, rows
from ingest.models.names import POCKET

if TYPE_CHECKING:
    from datasette.app import Datasette

CONTENT: Memory[dict[str, Any]] = Memory(4)


async def view(asked: Asked) -> Page:
    """What is in the snapshot; it stays the same for as long as the snapshot is served."""
    datasette = asked.datasette
    content = await kept(CONTENT, datasette, "start", lambda: _read(datasette))
    title = (datasette.metadata() or {}).get("title") or "Feature atlas"
    return Page("start.html", str(title), content, json_address=str(datasette.urls.path("start.json")))


async def _read(datasette: "Datasette") -> dict[str, Any]:
    counts = await row(datasette, "start_counts")
    assert counts is not None
    models = [model["name"] for model in await rows(datasette, "start_models")]
    contrasts = await start_rows.contrasts(datasette)
    return {
        **counts,
        "models": models,
        "note": EMBEDDED_NOTE if POCKET in models else None,
        "contrasts": contrasts,
        "tries": _tries(contrasts),
        "sae_list": await start_rows.saes(datasette),
        "corpus_list": await start_rows.corpora(datasette),
        "runs": await start_rows.runs(datasette),
        "queries": start_rows.queries(datasette),
        "databases": start_rows.databases(datasette),
    }


def _tries(contrasts: list[dict[str, Any]]) -> list[str]:
    """Searches that find something here: a feature, a word, a sentence."""
    best = [contrast["candidates"][0] for contrast in contrasts if contrast["candidates"]][:1]
    tries: list[str] = []
    for candidate in best:
        tries.append(f"#{candidate['feature']}")
        tokens = [token.strip() for token in candidate["top_tokens"]]
        tries += sorted(tokens, key=lambda token: not (token.isalpha() and len(token) > 2))[:1]  # best a whole word
        tries.append("".join(part["text"] for part in candidate["sentence"]).strip())
    return [text for text in tries if text and len(text) <= 100]
