"""Whether a server answers typed texts: the model's process, kept on the Datasette application."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasette.app import Datasette

    from atlas.site.live.model import LiveModel

ATTRIBUTE = "_feature_atlas_live"


def switch_on(datasette: "Datasette", model: "LiveModel") -> None:
    """Answer typed texts with a model; before the application's routes are made."""
    setattr(datasette, ATTRIBUTE, model)


def live_model(datasette: "Datasette") -> "LiveModel | None":
    """The model that answers typed texts, if they are answered at all."""
    found: LiveModel | None = getattr(datasette, ATTRIBUTE, None)
    return found
