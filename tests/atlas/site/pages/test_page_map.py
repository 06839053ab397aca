"""The map page: its words, its picture, the ways through it by links, and what a wrong address is told."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.site.pages.charts.canvas import DARK, NARROW, Style
from atlas.site.pages.map.points import DEEPEST, MARGIN, Part, Points
from atlas.site.pages.map.scatter import NUMBERED, Map, alt_text, draw
from tests.made.activation_pages import Served, serving
from tests.made.tiny_atlas import FEATURES

SAE = "tiny/blocks.1.hook_resid_pre"
PAGE = f"/map/{SAE}"


@pytest.fixture(scope="module")
def served(tiny_snapshot: Path) -> Iterator[Served]:
    with serving(tiny_snapshot) as found:
        yield found


def test_it_says_how_far_the_clusters_can_be_trusted(served: Served) -> None:
    held, page = served.get(f"{PAGE}.json").json(), unescape(served.get(PAGE).text)
    assert (held["clustering"]["measure"], held["clustering"]["clusters"], held["inside"]) == ("decoder", 3, FEATURES)
    for figure in ("0.500", "0.062", "0.875", "0.969"):
        assert figure in page
    assert "<script" not in page
    assert " style=" not in page
    assert f'alt="{held["picture"]["alt"]}"' in page


def test_clusters_and_features_are_those_of_the_tables(served: Served) -> None:
    held = served.get(f"{PAGE}.json").json()
    assert [(row["cluster"], row["features"], row["called"]) for row in held["clusters"]] == [
        (0, 4, 2),
        (1, 4, 1),
        (2, 4, 0),
    ]
    assert held["clusters"][0]["tokens"] == [" a", " the", " Tagus."]
    assert [row["label"] for row in held["clusters"]] == [
        "sports and games",
        "asthma, cancer, measles",
        "before a, tight",
    ]
    assert [row["feature"] for row in held["features"]] == list(range(FEATURES))
    for row in held["features"]:
        assert served.get(row["address"]).status_code == 200
    for row in held["clusters"]:
        members = served.get(row["members"].replace("?", ".json?")).json()
        assert len(members["rows"]) == row["features"]


def test_every_link_leads_to_a_part_that_holds_what_it_says(served: Served) -> None:
    held = served.get(f"{PAGE}.json").json()
    assert held["ways"]["whole"] is None
    links = [way for row in held["ways"]["further"] for way in row]
    assert len(links) == 16
    for way in links:
        part = served.get(way["address"].replace("?", ".json?")).json()
        assert part["inside"] == way["features"] == len(part["features"])
        assert part["part"]["zoom"] == 1
        assert served.get(part["ways"]["whole"].replace("?", ".json?")).json()["inside"] == FEATURES
    cluster = served.get(held["clusters"][1]["address"].replace("?", ".json?")).json()
    assert {row["cluster"]: row["here"] for row in cluster["clusters"]}[1] == 4


@pytest.mark.parametrize("query", ["", "&theme=dark", "&width=narrow", "&contrast=medical"])
def test_the_picture_is_drawn_for_each_theme_and_width(served: Served, query: str) -> None:
    address = served.get(f"{PAGE}.json").json()["picture"]["address"]
    svg = served.get(address + query)
    assert svg.status_code == 200
    assert svg.headers["content-type"].startswith("image/svg+xml")


def test_a_contrast_colours_what_it_calls(served: Served) -> None:
    held = served.get(f"{PAGE}.json?contrast=medical").json()
    called = {row["feature"] for row in held["features"] if row["called"]}
    rows = served.get("/atlas/feature_contrast.json?_shape=array&_size=max&sae=0").json()
    assert called == {
        row["feature"] for row in rows if row["q"] is not None and row["q"] <= 0.05 and row["auroc"] > 0.5
    }
    assert "that the contrast calls" in held["picture"]["alt"]


def test_a_clustering_without_a_map_is_shown_in_words(served: Served) -> None:
    held, page = served.get(f"{PAGE}.json?measure=jaccard").json(), served.get(f"{PAGE}?measure=jaccard").text
    assert held["picture"] is None
    assert "too few features for a map" in page
    assert [row["features"] for row in held["clusters"]] == [5, 5]


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("at=0,0&zoom=9", 400, "zoom=N"),
        ("at=left&zoom=1", 400, "zoom=N"),
        ("at=0,0&zoom=-1", 400, "zoom=N"),
        ("measure=other", 404, "there are: decoder, jaccard"),
        ("contrast=none", 404, "there are: medical"),
    ],
)
def test_a_wrong_address_is_told_what_there_is(served: Served, query: str, status: int, said: str) -> None:
    assert said in unescape(served.get(f"{PAGE}?{query}", status).text)


def test_an_sae_without_clusters_says_how_to_make_them(tiny_snapshot: Path, tmp_path: Path) -> None:
    copy = tmp_path / "unclustered"
    shutil.copytree(tiny_snapshot, copy)
    with closing(sqlite3.connect(copy / "atlas.db")) as database, database:
        for table in (
            "feature_cluster",
            "cluster_token",
            "cluster_contrast",
            "cluster",
            "clustering_choice",
            "clustering",
        ):
            database.execute(f"DELETE FROM {table}")
    with serving(copy) as served:
        assert "atlas cluster ATLAS --sae" in unescape(served.get(PAGE, 404).text)
        assert served.get(f"/sae/{SAE}.json").json()["map"] is None
        assert served.get(f"/feature/{SAE}/1.json").json()["family"] is None


def test_the_feature_page_shows_its_family_company_and_line(served: Served) -> None:
    held, page = served.get(f"/feature/{SAE}/4.json").json(), unescape(served.get(f"/feature/{SAE}/4").text)
    assert [(row["measure"], row["cluster"]) for row in held["family"]] == [("decoder", 1), ("jaccard", 0)]
    assert served.get(held["family"][0]["map"].replace("?", ".json?")).json()["part"]["zoom"] == 3
    assert [step["feature"] for step in held["elsewhere"]["line"]] == [4, 7]
    assert {row["parts"] for row in held["elsewhere"]["matches"]} == {2}
    assert "split there into 2" in page
    rows = served.get("/atlas/feature_coactivation.json?_shape=array&sae=0&feature=4&_sort=rank").json()
    assert [row["other_feature"] for row in held["company"]["features"]] == [row["other_feature"] for row in rows]
    assert f"Counted on {held['company']['tokens']:,} tokens" in page
    assert served.get(held["elsewhere"]["query"]).status_code == 200


def points(number: int, seed: int = 0) -> Points:
    rng = np.random.default_rng(seed)
    place = rng.uniform(-0.7, 0.7, (number, 2))
    index = np.arange(number)
    return Points(index, index % 9, rng.random(number), place[:, 0], place[:, 1], index % 5 == 0)


@given(x=st.floats(-2, 2), y=st.floats(-2, 2), zoom=st.integers(-3, 12))
def test_a_part_lies_on_the_map_and_its_divisions_cover_it(x: float, y: float, zoom: int) -> None:
    part = Part().around(x, y, zoom)
    assert 0 <= part.zoom <= DEEPEST
    assert abs(part.x) + part.reach <= MARGIN + 1e-3
    assert abs(part.y) + part.reach <= MARGIN + 1e-3
    held = points(200)
    within = held.inside(part)
    covered = np.any([held.inside(each) for row in part.divided() for each in row], axis=0)
    assert (covered | ~within).all()


def test_few_features_are_numbered_and_many_are_a_picture_with_names() -> None:
    names = [f"cluster {number}" for number in range(9)]
    few, many = Map(points(NUMBERED), Part(), names), Map(points(24_576), Part(), names, by_contrast=True)
    assert ">#7<" in draw(few, Style()).decode()
    drawn = draw(many, Style(DARK, NARROW)).decode()
    assert "<image" in drawn
    assert re.search(r">cluster \d<", drawn)
    assert len(drawn) < 400_000
    assert draw(many, Style(DARK, NARROW)).decode() == drawn
    assert "24,576 features in 9 clusters" in alt_text(many)
    assert f"{int(many.points.called.sum()):,} that the contrast calls" in alt_text(many)
    assert alt_text(Map(points(5), Part().around(1, 1, 7), names)) == "An empty part of the map."
