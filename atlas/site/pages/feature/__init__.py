"""The page of a feature: /feature/RELEASE/SAE_ID/INDEX, everything the atlas knows about it, section by section."""

import asyncio
from dataclasses import replace
from typing import Any

from atlas.publish.snapshot_facts import CACHE, CACHE_NOTE, EMBEDDED_NOTE, IMPORTED_NOTE
from atlas.site.pages.addresses import page_address_at_neuronpedia, sae_address
from atlas.site.pages.feature.section import Feature, Section, find_section
from atlas.site.pages.page import Asked, Page, PageError
from atlas.site.pages.rows import Row, sae_named
from ingest.models.names import POCKET

HEAD = ("labels",)
"""The sections above the list of contents, which does not name them."""

LAYOUT = (
    ("", ("sentences",)),
    ("parts", ("tokens", "weights")),
    ("", ("activity", "histogram", "contrasts", "prompts", "patching", "written", "drivers", "steering")),
    ("flow", ("effects", "neighbours", "company", "together", "terms")),
    ("", ("family", "elsewhere", "lists")),
)
"""The sections in the order of the page, by the names of their folders, and the class of what encloses some."""

SECTIONS: tuple[Section, ...] = tuple(
    find_section(name) for name in (*HEAD, *(name for _, names in LAYOUT for name in names))
)
FILTERS = {name: filter_ for each in SECTIONS for name, filter_ in each.filters.items()}
LONGEST_INDEX = 9


async def view(asked: Asked) -> Page:
    """The feature of an address.

    Raises:
        PageError: there is no such SAE, or it has no such feature.
    """
    about = await _named(asked)
    about = replace(about, corpora=tuple(await about.rows("corpora")))
    records = await asyncio.gather(*(each.read(about) for each in SECTIONS))
    imported = await about.rows_if_published("sae_import", "imported")
    content = _identity(about, imported) | {each.name: record for each, record in zip(SECTIONS, records, strict=True)}
    headings = {each.name: each.heading for each in SECTIONS if each.name not in HEAD}
    beside = {"head": HEAD, "layout": LAYOUT, "headings": headings}
    title, private = f"{about.sae['name']} #{about.index}", content["lists"] is not None
    return Page("feature/page.html", title, content, beside=beside, private=private)


async def _named(asked: Asked) -> Feature:
    name, _, index = asked.parts["path"].rstrip("/").rpartition("/")
    if not (name and index.isascii() and index.isdecimal()):
        raise PageError(
            f"{asked.parts['path']!r} names no feature; an address is /feature/RELEASE/SAE_ID/INDEX, the index from 0"
        )
    sae = await sae_named(asked.datasette, name)
    if len(index) > LONGEST_INDEX or int(index) >= sae["d_sae"]:
        raise PageError(
            f"{name} has {sae['d_sae']:,} features, 0 to {sae['d_sae'] - 1}; there is no feature {index[:20]}"
        )
    return Feature(asked.datasette, sae, int(index))


def _note(sae: Row, imported: list[Row]) -> str | None:
    """What to know of the SAE's features before anything else."""
    if imported:
        return CACHE_NOTE if imported[0]["format"] == CACHE else IMPORTED_NOTE
    return EMBEDDED_NOTE if sae["model"] == POCKET else None


def _identity(about: Feature, imported: list[Row]) -> dict[str, Any]:
    sae, feature = about.sae, about.index
    return {
        "feature": feature,
        "sae": {**sae, "address": sae_address(about.datasette, sae["name"])},
        "note": _note(sae, imported),
        "imported": imported[0] if imported else None,
        "neuronpedia": page_address_at_neuronpedia(sae["neuronpedia_id"], feature) if sae["neuronpedia_id"] else None,
        "previous": about.page_of(feature - 1) if feature else None,
        "next": about.page_of(feature + 1) if feature + 1 < sae["d_sae"] else None,
    }
