"""A Datasette plugin: cells that lead on, and figures short enough to read.

A feature's index links to its page. Figures keep four digits on pages; JSON
and CSV have them all.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from datasette import hookimpl
from markupsafe import Markup

from atlas.site.pages.addresses import DATABASE, feature_address
from atlas.site.pages.cache import Cache, cached
from atlas.site.pages.figures import figure

if TYPE_CHECKING:  # datasette.app loads this module while it is being imported itself
    from datasette.app import Datasette

FEATURE_COLUMNS = ("feature", "other_feature", "best_feature")


_names: Cache[dict[int, str]] = Cache(most=16)


@hookimpl
def render_cell(row: Any, value: Any, column: str, datasette: "Datasette") -> Any:
    """A link for a feature, fewer digits for a figure; None leaves the cell to Datasette."""
    if isinstance(value, float):
        return figure(value)
    if column in FEATURE_COLUMNS and isinstance(value, int) and DATABASE in datasette.databases:
        return _feature_link(datasette, dict(row), value)
    return None


async def _feature_link(datasette: "Datasette", row: Mapping[str, Any], feature: int) -> Markup | None:
    """The feature's page, in the SAE that the row names: by its key, its key with a label, or as release/sae_id."""
    sae = row.get("sae")
    if isinstance(sae, Mapping):
        sae = sae["value"]
    names = await cached(_names, datasette, "names of SAEs", lambda: _sae_names(datasette))
    name = names.get(sae) if isinstance(sae, int) else str(sae)
    if name is None or name not in names.values():
        return None
    page = feature_address(datasette, name, feature)
    return Markup('<a href="{}" title="its page">{}</a>').format(page, feature)


async def _sae_names(datasette: "Datasette") -> dict[int, str]:
    """The SAEs' names by their keys."""
    database = datasette.get_database(DATABASE)
    if not await database.table_exists("sae"):
        return {}
    found = await database.execute("SELECT sae, label FROM sae ORDER BY ordinal")
    return {int(key): str(name) for key, name in found.rows}
