"""Typed texts on a server: which processes answer them, if any, which SAEs read them, the line in Datasette's menu.

The processes of models are kept on the Datasette application.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from datasette import hookimpl

from atlas.publish.database import ATLAS_FILE
from schema import AtlasError

if TYPE_CHECKING:  # datasette.app loads this module while it is being imported itself
    from datasette.app import Datasette

    from atlas.site.live.embedder import LiveEmbedder
    from atlas.site.live.model import LiveModel

ATTRIBUTE = "_feature_atlas_live"
BY_MEANING = "_feature_atlas_embedder"


def switch_on_live_model(datasette: "Datasette", model: "LiveModel") -> None:
    """Answer typed texts with a model; before the application's routes are made."""
    setattr(datasette, ATTRIBUTE, model)


def live_model(datasette: "Datasette") -> "LiveModel | None":
    """The model that answers typed texts, if they are answered at all."""
    found: LiveModel | None = getattr(datasette, ATTRIBUTE, None)
    return found


def switch_on_live_embedder(datasette: "Datasette", embedder: "LiveEmbedder") -> None:
    """Search labels by their meaning with an embedding model."""
    setattr(datasette, BY_MEANING, embedder)


def live_embedder(datasette: "Datasette") -> "LiveEmbedder | None":
    """The model that searches labels by their meaning, if they are searched so at all."""
    found: LiveEmbedder | None = getattr(datasette, BY_MEANING, None)
    return found


@hookimpl
def menu_links(datasette: "Datasette") -> list[dict[str, str]]:
    """A line in the menu, where typed texts are answered."""
    if live_model(datasette) is None:
        return []
    return [{"href": str(datasette.urls.path("live")), "label": "Type a sentence"}]


def saes_for_live_model(folder: Path) -> tuple[str, ...]:
    """The SAEs of a snapshot, spelled release/sae_id, that read the model of the first over a model in float32.

    Those that were imported are no files that could be loaded.

    Raises:
        AtlasError: no model has run any.
    """
    with closing(sqlite3.connect(f"{(folder / ATLAS_FILE).resolve().as_uri()}?mode=ro", uri=True)) as database:
        found = database.execute(
            "SELECT pinned FROM sae "
            "WHERE weights_sha256 IS NOT NULL AND (model, tokenization) = ("
            "  SELECT s.model, s.tokenization FROM sae AS s JOIN model AS m ON m.model = s.model "
            "  WHERE m.weights_sha256 IS NOT NULL AND s.weights_sha256 IS NOT NULL "
            "  ORDER BY JSON_EXTRACT(m.config, '$.precision') IS NOT NULL, s.ordinal LIMIT 1"
            ") ORDER BY ordinal"
        ).fetchall()
    if not found:
        raise AtlasError("the published atlas holds no SAE that a model has run; ingest something, and publish again")
    return tuple(dict.fromkeys(str(pinned).rpartition("@")[0] for (pinned,) in found))
