"""The pages of lists that readers keep: /lists, all of them, and /list/NAME, one with its features and notes.

A page shows A_PAGE features, `?page=2` the next ones; the JSON and the CSV of a list hold all of them.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from datasette.utils.asgi import Response

from atlas.exchange.published import neuronpedia_quick_lists, published_as
from atlas.site.lists.feature_list import LONGEST_NAME, LONGEST_NOTE, Listed, ListError
from atlas.site.lists.kept_lists import KeptLists, lists_of_server
from atlas.site.pages.addresses import feature_address, list_address, page_address_at_neuronpedia
from atlas.site.pages.labels import best_labels
from atlas.site.pages.lists.forms import list_page_number, take_form
from atlas.site.pages.page import Asked, Page, PageError
from atlas.site.pages.rows import Row, rows

if TYPE_CHECKING:
    from datasette.app import Datasette

NOT_KEPT = "no lists are kept here; start the server with: atlas serve SITE --lists"
BOUNDS = {"longest_name": LONGEST_NAME, "longest_note": LONGEST_NOTE}
A_PAGE = 100
"""Features; a quick list of Neuronpedia's shows those of a page together."""
COLUMNS = ("release", "sae_id", "feature", "note", "label", "neuronpedia", "weights_sha256", "added_at")
"""What the CSV of a list has."""


async def lists_page(asked: Asked) -> Page | Response:
    """All lists; a form that is sent here is taken."""
    kept = lists_on_page(asked.datasette)
    if asked.request.method == "POST":
        return await take_form(asked, kept)
    summaries = kept.lists.summaries()
    shown = [{**asdict(each), "address": list_address(asked.datasette, each.name)} for each in summaries]
    content = {"lists": shown, "write": list_form_address(asked.datasette), **BOUNDS}
    return Page("lists/every.html", "Lists of features", content, private=True)


async def list_page(asked: Asked) -> Page | Response:
    """A list: `/list/NAME`, `.json` and `.csv`."""
    kept = lists_on_page(asked.datasette)
    try:
        summary, listed = kept.lists.read(asked.parts["path"])
    except ListError as error:
        raise PageError(str(error), error.status) from error
    if asked.parts.get("format") == ".csv":
        features = await listed_features_shown(asked.datasette, listed)
        return Response(_csv(features), content_type="text/csv; charset=utf-8", headers={"Cache-Control": "no-store"})
    pages = -(-len(listed) // A_PAGE) or 1
    number = min(list_page_number(asked.query.get("page", "")), pages)
    part = listed if "format" in asked.parts else listed[A_PAGE * (number - 1) : A_PAGE * number]
    features = await listed_features_shown(asked.datasette, part)
    here = list_address(asked.datasette, summary.name)
    content: dict[str, Any] = {**asdict(summary), "features": features, "write": list_form_address(asked.datasette)}
    if part is not listed:
        content |= {"count": len(listed), **_paged(asked, summary.name, number, pages)}
    named = summary.name if part is listed or pages == 1 else f"{summary.name}, page {number} of {pages}"
    content["quick_lists"] = await list_page_quick_addresses(asked.datasette, named, features)
    content |= {"every": list_form_address(asked.datasette), "csv": f"{here}.csv", **BOUNDS}
    return Page("lists/one.html", summary.name, content, private=True, json_address=f"{here}.json")


def _paged(asked: Asked, name: str, number: int, pages: int) -> dict[str, Any]:
    """Which page of how many, the place of its first feature, and where the pages before and after it are."""
    near = {"previous": number - 1, "next": number + 1}
    found = {which: list_address(asked.datasette, name, n) if 1 <= n <= pages else None for which, n in near.items()}
    return {"number": number, "pages": pages, "first": A_PAGE * (number - 1) + 1, **found}


def lists_on_page(datasette: "Datasette") -> KeptLists:
    """The lists of this server.

    Raises:
        PageError: it keeps none.
    """
    kept = lists_of_server(datasette)
    if kept is None:
        raise PageError(NOT_KEPT)
    return kept


def list_form_address(datasette: "Datasette") -> str:
    """Where forms are sent."""
    return str(datasette.urls.path("lists"))


async def listed_features_shown(datasette: "Datasette", listed: Sequence[Listed]) -> list[Row]:
    """The features of a list, each with its label and where it is shown; address is None where it is not in this atlas.

    `other_weights`: the SAE of this name has other weights here than when the feature was listed.
    """
    of_sae: defaultdict[tuple[str, str], list[Listed]] = defaultdict(list)
    for each in listed:
        of_sae[each.release, each.sae_id].append(each)
    found: dict[tuple[str, str, int], Row] = {}
    for (release, sae_id), own in of_sae.items():
        candidates = await rows(datasette, "lists/sae", release=release, sae_id=sae_id)
        for each in own:
            found[release, sae_id, each.feature] = _placed(datasette, each, candidates)
    for sae in {row["sae"] for row in found.values() if row["sae"] is not None}:
        own_rows = [row for row in found.values() if row["sae"] == sae]
        labels = await best_labels(datasette, sae, [row["feature"] for row in own_rows])
        for row in own_rows:
            row["label"] = labels.get(row["feature"])
    return [found[each.release, each.sae_id, each.feature] for each in listed]


async def list_page_quick_addresses(datasette: "Datasette", name: str, features: Sequence[Row]) -> list[str]:
    """Where neuronpedia.org shows the features of a list side by side: those of each SAE that it has, by SAE."""
    of_sae: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in features:
        if row["neuronpedia"]:
            of_sae[row["release"], row["sae_id"]].append(row)
    found = []
    for (release, sae_id), own in of_sae.items():
        for sae in await rows(datasette, "lists/sae", release=release, sae_id=sae_id):
            indices = [row["feature"] for row in own if row["sae"] == sae["sae"]]
            published = published_as(sae)
            if indices and published.is_there:
                found += neuronpedia_quick_lists(name, published, indices)
    return found


def _placed(datasette: "Datasette", each: Listed, candidates: Sequence[Row]) -> Row:
    """A feature in the SAE of the weights that it was listed with, else in the newest of the name."""
    with_room = [sae for sae in candidates if each.feature < sae["d_sae"]]
    same = [sae for sae in with_room if sae["weights_sha256"] == each.weights_sha256]
    sae = next(iter(same or with_room), None)
    told: Row = {**asdict(each), "label": None, "sae": None, "address": None, "neuronpedia": None}
    if sae is None:
        return {**told, "name": f"{each.release}/{each.sae_id}", "other_weights": False}
    return {
        **told,
        "sae": sae["sae"],
        "name": sae["name"],
        "address": feature_address(datasette, sae["name"], each.feature),
        "neuronpedia": page_address_at_neuronpedia(sae["neuronpedia_id"], each.feature)
        if sae["neuronpedia_id"]
        else None,
        "other_weights": bool(each.weights_sha256) and not same,
    }


def _csv(features: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(features)
    return text.getvalue()
