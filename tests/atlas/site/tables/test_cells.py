"""Cells of published pages: a feature leads to its page, figures are short, exports are whole."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from atlas.publish import publish
from queries import run_query
from schema import open_atlas
from tests.made.activation_pages import Served, serving


@pytest.fixture(scope="module")
def pages(tiny: Path) -> Iterator[Served]:
    with serving(publish(tiny, tiny.parent / "site").folder) as served:
        yield served


def test_every_candidate_leads_to_its_own_page(tiny: Path, pages: Served) -> None:
    page = pages.get("/atlas/candidates").text
    links = [unescape(link) for link in re.findall(r'<a href="([^"]+)" title="its page">\d+<', page)]
    with open_atlas(tiny, read_only=True) as atlas:
        candidates = run_query(atlas, "candidates").to_pylist()
    assert len(links) == len(candidates) > 0
    for link, candidate in zip(links, candidates, strict=True):
        found = pages.get(f"{link}.json").json()
        assert (found["feature"], found["sae"]["name"]) == (candidate["feature"], candidate["sae"])


def test_figures_are_short_on_pages_and_whole_in_exports(pages: Served) -> None:
    figures = [row["auroc"] for row in pages.get("/atlas/candidates.json?_shape=array").json()]
    long = [figure for figure in figures if len(str(figure)) > 6]
    assert long
    page = pages.get("/atlas/candidates").text
    assert str(long[0]) not in page
    assert f"{long[0]:.4g}" in page
    assert str(long[0]) in pages.get("/atlas/candidates.csv").text


def test_features_in_tables_lead_to_their_pages(pages: Served) -> None:
    page = pages.get("/atlas/feature_contrast?_sort=feature&sae=1&_size=1").text
    assert re.search(r'<a href="/feature/tiny/blocks\.2\.hook_resid_pre/(\d+)" title="its page">\1</a>', page)
