"""The addresses of pages, tables and what lies elsewhere; each holds wherever Datasette is mounted.

A name in a path is tilde-encoded, as Datasette does it: `~2F` for a slash, `~2E` for a dot. So no browser or proxy
takes `../x` for another folder, nor the page `a.json` for the JSON of a page `a`.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlencode

from datasette.utils import tilde_decode, tilde_encode

from atlas.publish.canned_queries import DATABASE_NAME, published_query_name
from queries import SavedQuery, find_query

if TYPE_CHECKING:
    from datasette.app import Datasette

DATABASE = DATABASE_NAME
ACTIVATIONS = "activations"
NEURONPEDIA = "https://www.neuronpedia.org"


def path_segment(name: str) -> str:
    """A name as one part of a path."""
    return str(tilde_encode(name))


def sae_path(sae: str) -> str:
    """An SAE's label as parts of a path; a dot, a slash and an @ stay where they mean nothing else."""
    parts = sae.split("/")
    if {"", ".", ".."} & set(parts) or sae.endswith(".json"):
        return path_segment(sae)
    return "/".join(path_segment(part).replace("~2E", ".").replace("~40", "@") for part in parts)


def name_in_page_address(path: str) -> str:
    """The name that stands in a path, tilde-encoded, or percent-encoded as a browser does it."""
    return unquote(path) if "%" in path else str(tilde_decode(path))


def feature_address(datasette: "Datasette", sae: str, feature: int) -> str:
    """The page of a feature; `sae` is spelled as its label."""
    return str(datasette.urls.path(f"feature/{sae_path(sae)}/{feature}"))


def sae_address(datasette: "Datasette", sae: str) -> str:
    """The page of an SAE, spelled as its label."""
    return str(datasette.urls.path(f"sae/{sae_path(sae)}"))


def map_address(datasette: "Datasette", sae: str, **asked: object) -> str:
    """The map of an SAE's features, or the part of it that is asked for."""
    address = str(datasette.urls.path(f"map/{sae_path(sae)}"))
    return f"{address}?{urlencode(asked, safe=',/')}" if asked else address


def graph_address(datasette: "Datasette", graph: int) -> str:
    """The page of a graph between SAEs."""
    return str(datasette.urls.path(f"graph/{graph}"))


def contrast_address(datasette: "Datasette", contrast: str, sae: str) -> str:
    """The page of a contrast on one SAE."""
    return str(datasette.urls.path(f"contrast/{path_segment(contrast)}?{urlencode({'sae': sae}, safe='/')}"))


def association_address(datasette: "Datasette", association: str, sae: str) -> str:
    """The page of a contrast of a number or of classes, on one SAE."""
    return str(datasette.urls.path(f"association/{path_segment(association)}?{urlencode({'sae': sae}, safe='/')}"))


def list_address(datasette: "Datasette", name: str, page: int = 1) -> str:
    """A page of a list of features that readers keep; the first has no number."""
    return str(datasette.urls.path(f"list/{path_segment(name)}")) + (f"?page={page}" if page > 1 else "")


def reproduction_address(datasette: "Datasette", contrast: str, sae: str) -> str:
    """The page of a study that was run again, by the name of its contrast, on one SAE."""
    return str(datasette.urls.path(f"reproduction/{path_segment(contrast)}?{urlencode({'sae': sae}, safe='/')}"))


def table_address(datasette: "Datasette", table: str, *, database: str = DATABASE, **chosen: object) -> str:
    """Datasette's page of a table or saved query, filtered to the rows that were used."""
    address = str(datasette.urls.table(database, table))
    return f"{address}?{urlencode(chosen)}" if chosen else address


def query_address(datasette: "Datasette", query: SavedQuery, **values: object) -> str:
    """A saved query's page, asked with these values of its parameters."""
    return table_address(datasette, published_query_name(query), database=query.database, **values)


def queries_asked_further(datasette: "Datasette", names: Iterable[str], **values: str) -> list[dict[str, str]]:
    """The title and the address of each saved query, with those of these values that are its parameters."""
    found = []
    for query in map(find_query, names):
        taken = {each.name: values[each.name] for each in query.parameters if each.name in values}
        found.append({"title": query.title, "address": query_address(datasette, query, **taken)})
    return found


def row_address(datasette: "Datasette", table: str, key: int) -> str:
    """Datasette's page of one row."""
    return str(datasette.urls.row(DATABASE, table, str(key)))


def page_address_at_neuronpedia(neuronpedia_id: str, feature: int) -> str:
    """A feature's page on Neuronpedia: `gpt2-small/8-res-jb` and 6489."""
    return f"{NEURONPEDIA}/{quote(neuronpedia_id)}/{feature}"
