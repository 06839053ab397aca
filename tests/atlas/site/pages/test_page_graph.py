"""The page of a graph: its words, its picture, and the sections of feature pages that lead there."""

import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlas.site.pages.charts.canvas import DARK, LIGHT, Style
from atlas.site.pages.graph.node_link import TALL, TALL_NARROW, Drawn, alt_text, draw
from tests.made.activation_pages import Served, serving
from tests.made.tiny_graphs import FEATURE

EARLIER, LATER = "tiny/blocks.1.hook_resid_pre", "tiny/blocks.2.hook_resid_pre"


@pytest.fixture(scope="module")
def served(tiny_snapshot: Path) -> Iterator[Served]:
    with serving(tiny_snapshot) as found:
        yield found


def test_it_says_what_leads_to_a_feature_and_how_much_of_it_that_brings(served: Served) -> None:
    held, page = served.get("/graph/0.json").json(), unescape(served.get("/graph/0").text)
    assert held["kept"] == {"nodes": 5, "edges": 5}
    assert [level["name"] for level in held["levels"]] == ["blocks.1.hook_resid_pre", "tokens"]
    first = held["levels"][0]["first"][0]
    assert (first["feature"], first["at"], first["effect"]) == (1, "Tuberculosis", 4.0)
    assert (held["edges"][0]["source"]["token"], held["edges"][0]["weight"]) == ("Tuberculosis", 4.0)
    assert "the model has <strong>83 %</strong> of the target" in page
    assert "without it, 25 % is still there" in page
    assert "<script" not in page
    assert " style=" not in page
    for address in (held["address"], first["address"], held["rows"]):
        assert served.get(address).status_code == 200


def test_it_says_what_leads_to_the_next_token_and_what_cannot_be_said(served: Served) -> None:
    page = unescape(served.get("/graph/3").text)
    assert "What leads to the next token" in page
    assert "(0.750)" in page
    assert "so that nothing can be said of what is left" in unescape(served.get("/graph/2").text)
    assert "rank correlation with exact ones is 0.875" in unescape(served.get("/graph/1").text)


@pytest.mark.parametrize("variant", ["address", "dark", "narrow", "narrow_dark"])
def test_the_picture_is_drawn_for_each_theme_and_width(served: Served, variant: str) -> None:
    svg = served.get(served.get("/graph/0.json").json()["picture"][variant])
    assert svg.headers["content-type"].startswith("image/svg+xml")
    for written in ("Tubercul", "#1", f"#{FEATURE}", "blocks.1.hook_resid_pre"):
        assert f">{written}" in svg.text


@pytest.mark.parametrize("path", ["9", "x", "-1", "1e3", "00000000000000000000", "~00", "%3Cscript%3E"])
def test_another_address_gets_advice(served: Served, path: str) -> None:
    found = served.get(f"/graph/{path}", 404)
    assert "holds no graph" in found.text
    assert "<script>" not in found.text


def test_feature_pages_show_what_drives_them_and_what_they_drive(served: Served) -> None:
    later = served.get(f"/feature/{LATER}/{FEATURE}.json").json()["drivers"]
    assert [(row["sae_name"], row["feature"], row["mean_effect"]) for row in later["driving"]] == [
        (EARLIER, 1, 4.0),
        (EARLIER, 2, -1.0),
    ]
    assert [row["token"] for row in later["driven"]] == [" next9", " next10"]
    assert later["faithfulness"] == pytest.approx(5 / 6)
    page = unescape(served.get(f"/feature/{LATER}/{FEATURE}").text)
    assert "Over 2 prompts, it is driven most by" in page
    earlier = served.get(f"/feature/{EARLIER}/1.json").json()["drivers"]
    assert (earlier["driving"], [row["feature"] for row in earlier["driven"]]) == ([], [FEATURE])
    assert served.get(f"/feature/{EARLIER}/9.json").json()["drivers"] is None
    for row in (*later["driving"], *later["shown"], *earlier["driven"]):
        assert served.get(row["address"]).status_code == 200


def many(nodes: int) -> Drawn:
    """As many nodes at three levels over 20 tokens, and three edges a node."""
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for number in range(nodes):
        level = number * 3 // nodes
        hook_name, feature = (f"blocks.{level}.hook_resid_pre", number) if level else (None, None)
        rows.append({"node": number, "kind": "feature" if level else "token", "level": level, "position": number % 20})
        rows[-1] |= {"feature": feature, "token": None if level else " a", "hook_name": hook_name, "sae_name": "sae"}
        rows[-1] |= {"influence": float(rng.exponential())}
    third = nodes // 3
    ends = [(n + int(rng.integers(third)) // 2, n) for n in range(third, nodes) for _ in range(3)]
    edges = [{"source": min(end) - third, "target": end[1], "weight": float(rng.normal())} for end in ends]
    graph = {"graph": 0, "first_position": 0, "position": 19, "tokens": [" a"] * 20}
    return Drawn(graph, rows, [edge for edge in edges if edge["source"] >= 0])


def test_five_thousand_nodes_are_drawn_in_a_moment() -> None:
    """In under a second of a core; the time of the machine's other work is not counted."""
    small, large = many(60), many(5_000)
    draw(small, Style(LIGHT, TALL))
    began = time.process_time()
    svg = draw(large, Style(LIGHT, TALL))
    taken = time.process_time() - began
    assert len(svg) < 3_000_000
    assert taken < 2.5  # a second where nothing else runs, see `make bench`
    assert draw(small, Style(DARK, TALL_NARROW)) != draw(small, Style(LIGHT, TALL_NARROW))
    assert "5,000 nodes" in alt_text(large)


def test_nodes_stand_above_their_tokens_and_apart() -> None:
    drawn = many(600)
    edges = drawn.edges_of_columns
    for (x, y), row in zip(drawn.places, drawn.nodes, strict=True):
        assert edges[row["position"]] < x < edges[row["position"] + 1]
        assert abs(y - row["level"]) < 0.5
    assert len(np.unique(drawn.places.round(9), axis=0)) == 600
