"""Cells of published pages: a feature leads to its sentences, figures are short, exports are whole."""

import asyncio
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from atlas.publish import publish
from atlas.serve import current_folder, datasette_of
from queries import run_query
from schema import open_atlas
from tests.tiny_atlas import build_tiny_atlas


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cells")
    build_tiny_atlas(folder / "tiny.duckdb")
    publish(folder / "tiny.duckdb", folder / "site")
    return folder


def get(site: Path, path: str) -> Any:
    async def ask() -> Any:
        return await datasette_of(current_folder(site / "site")).client.get(path)

    response = asyncio.run(ask())
    assert response.status_code == 200, response.text[:1000]
    return response


def test_every_candidate_leads_to_its_own_sentences(site: Path) -> None:
    page = get(site, "/atlas/candidates").text
    links = [unescape(link) for link in re.findall(r'<a href="([^"]+)" title="its strongest sentences">\d+<', page)]
    with open_atlas(site / "tiny.duckdb", read_only=True) as atlas:
        candidates = run_query(atlas, "candidates").to_pylist()
    assert len(links) == len(candidates) > 0
    for link, candidate in zip(links, candidates, strict=True):
        rows = get(site, link.replace("/example?", "/example.json?_shape=array&_labels=on&")).json()
        assert rows
        assert {(row["feature"], row["sae"]["label"]) for row in rows} == {(candidate["feature"], candidate["sae"])}


def test_figures_are_short_on_pages_and_whole_in_exports(site: Path) -> None:
    figures = [row["auroc"] for row in get(site, "/atlas/candidates.json?_shape=array").json()]
    long = [figure for figure in figures if len(str(figure)) > 6]
    assert long
    page = get(site, "/atlas/candidates").text
    assert str(long[0]) not in page
    assert f"{long[0]:.4g}" in page
    assert str(long[0]) in get(site, "/atlas/candidates.csv").text


def test_features_in_tables_lead_to_their_sentences(site: Path) -> None:
    assert 'title="its strongest sentences"' in get(site, "/atlas/feature_contrast").text
