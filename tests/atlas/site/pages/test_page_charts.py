"""Charts: the same bytes for the same numbers, text that stays text, small files, and words that say what is drawn."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.site.pages.cache import Cache, snapshot_of_cached_page
from atlas.site.pages.charts.canvas import DARK, LIGHT, NARROW, SMALL, Size, Style, plain_text, shorten_text
from atlas.site.pages.charts.chart import DRAWN
from atlas.site.pages.charts.labels import LETTER, LINE, Box, Placed, place_labels
from atlas.site.pages.contrast import means as means_chart
from atlas.site.pages.contrast import null as null_chart
from atlas.site.pages.contrast.means import Means
from atlas.site.pages.contrast.null import Null
from atlas.site.pages.runs import throughput
from atlas.site.pages.runs.throughput import Encoding
from atlas.site.pages.sae.moments import (
    Moments,
    draw_moments_scatter,
    draw_spread,
    moment_histograms,
    moments_alt_text,
    spread_alt_text,
)
from tests.made.activation_pages import Served, serving

HOSTILE = '$\\frac{1}{2}$ <script>alert("x")</script> & \n\r\t\x00\x1b ᛒ 漢 \ud800'
SVG = "{http://www.w3.org/2000/svg}"
MEANS_CHART = "/chart/contrast/medical/means.svg"


def means(features: int = 40) -> Means:
    rng = np.random.default_rng(3)
    positive, control = rng.gamma(0.4, 0.3, (2, features))
    positive[0], control[0], control[1] = 4.0, 0.0, 0.0
    auroc = np.full(features, 0.5)
    auroc[0] = 0.9375
    printed = np.zeros(features, dtype=bool)
    printed[:3] = True
    labels = ("0 cancer", HOSTILE)
    return Means(np.arange(features), positive, control, auroc, printed, (0, 5), labels, ("medical", HOSTILE))


def moments(features: int = 300) -> Moments:
    rng = np.random.default_rng(4)
    skewness = rng.normal(0, 0.5, features)
    found = Moments(rng.gamma(3, 0.02, features), skewness, 3 + 4 * skewness**2, rng.normal(-3, 1, features))
    found.skewness[7] = found.kurtosis[7] = np.nan
    found.log_sparsity[:5] = -10.0
    return found


def runs() -> list[Encoding]:
    first = datetime(2026, 1, 5, 9)
    return [Encoding(first + timedelta(days=n), 500 * n, None if n == 2 else 100.0 * n, n == 2) for n in range(1, 6)]


NULL = Null(np.linspace(0.55, 0.7, 50), 0.84375, 1646)
DRAWINGS: dict[str, Callable[[Style], bytes]] = {
    "means": partial(means_chart.draw, means()),
    "scatter": partial(draw_moments_scatter, moments()),
    "null": partial(null_chart.draw, NULL),
    "throughput": partial(throughput.draw, runs()),
    **{name: partial(draw_spread, spread) for name, spread in moment_histograms(moments()).items()},
}


@pytest.mark.parametrize("drawing", DRAWINGS.values(), ids=DRAWINGS)
def test_a_chart_is_the_same_bytes_each_time_and_holds_no_script(drawing: Callable[[Style], bytes]) -> None:
    svg = drawing(Style(size=SMALL))
    assert drawing(Style(size=SMALL)) == svg
    root = ElementTree.fromstring(svg)
    assert {element.tag for element in root.iter()}.isdisjoint({f"{SVG}script", f"{SVG}foreignObject"})
    assert b"<script" not in svg
    assert b"dc:date" not in svg


def test_a_chart_for_a_dark_page_has_light_ink() -> None:
    svg = null_chart.draw(NULL, Style(DARK, SMALL)).decode()
    assert DARK.ink in svg
    assert LIGHT.ink not in svg
    assert LIGHT.ink in null_chart.draw(NULL, Style(size=SMALL)).decode()


def test_labels_are_read_neither_as_mathematics_nor_as_markup() -> None:
    written = ElementTree.fromstring(means_chart.draw(means(), Style())).iter(f"{SVG}text")
    texts = ["".join(text.itertext()) for text in written]
    assert any('$\\frac{1}{2}$ <script>alert("x")</script> & ↵↵→□□' in text for text in texts)
    assert any("0 cancer" in text for text in texts)


@given(st.text(max_size=30))
def test_what_a_chart_is_given_is_one_line_that_xml_can_hold(text: str) -> None:
    shown = plain_text(text)
    assert len(shown) == len(text)
    assert not set(shown) & set("\n\r\t\x00\x1b")
    ElementTree.fromstring(f"<t>{shown.replace('&', '&amp;').replace('<', '&lt;')}</t>")


def test_a_long_label_is_cut() -> None:
    assert shorten_text("x" * 24) == "x" * 24
    assert shorten_text("x" * 25) == "x" * 23 + "…"


@pytest.mark.parametrize("size", [Style().size, NARROW])
def test_the_charts_of_a_full_sae_stay_small(size: Size) -> None:
    style = Style(size=size)
    assert len(means_chart.draw(means(24_576), style)) < 300_000
    assert len(draw_moments_scatter(moments(24_576), style)) < 300_000


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 400), st.floats(0, 300), st.integers(1, 20)), max_size=12))
def test_no_label_covers_another_or_leaves_the_chart(points: list[tuple[float, float, int]]) -> None:
    page, texts = Box(0, 0, 400, 300), ["x" * length for _, _, length in points]
    boxes = [_box(points[found.point], found) for found in place_labels([(x, y) for x, y, _ in points], texts, page)]
    assert all(box.within(page) for box in boxes)
    assert not any(one.meets(other) for n, one in enumerate(boxes) for other in boxes[:n])


def _box(point: tuple[float, float, int], found: Placed) -> Box:
    width = point[2] * LETTER
    left = point[0] + found.dx - {"left": 0.0, "center": width / 2, "right": width}[found.align]
    return Box(left, point[1] + found.dy - LINE / 2, left + width, point[1] + found.dy + LINE / 2)


def test_a_point_alone_is_labelled_beside_it() -> None:
    assert place_labels([(100.0, 100.0)], ["cancer"], Box(0, 0, 400, 300)) == [Placed(0, 7.0, 0.0, "left")]
    assert place_labels([(390.0, 100.0)], ["cancer"], Box(0, 0, 400, 300))[0].align == "right"


def test_words_say_what_the_means_are() -> None:
    said = means_chart.alt_text(means())
    above = int((means().positive > means().control).sum())
    assert f"{above} lie above the diagonal, 2 fire on medical alone" in said
    assert "Rings mark the 3 that" in said
    assert "The first candidate is feature 0 (AUROC 0.938): 4 against 0." in said


def test_words_say_how_a_moment_is_spread() -> None:
    told = {name: spread_alt_text(spread) for name, spread in moment_histograms(moments()).items()}
    known = moments().skewness[np.isfinite(moments().skewness)]
    assert "of 299 features" in told["skewness"]
    assert f"half lie below {np.median(known):.3g}" in told["skewness"]
    assert "A normal distribution has 3." in told["kurtosis"]
    assert "5 never fired in training." in told["sparsity"]


def test_words_say_how_skewness_goes_with_kurtosis() -> None:
    told = moments_alt_text(moments())
    first = int(np.nanargmax(moments().kurtosis))
    assert f"of feature {first}, with skewness {moments().skewness[first]:.3g}" in told
    assert "Scatter of 299 features" in told


def test_an_sae_without_moments_is_drawn_and_told_all_the_same() -> None:
    nothing = np.full(3, np.nan)
    empty = Moments(np.ones(3), nothing, nothing, nothing)
    assert "not known" in moments_alt_text(empty)
    assert "not known" in spread_alt_text(moment_histograms(empty)["skewness"])
    assert ElementTree.fromstring(draw_moments_scatter(empty, Style())) is not None
    assert ElementTree.fromstring(draw_spread(moment_histograms(empty)["kurtosis"], Style())) is not None


def test_words_say_what_chance_reaches() -> None:
    assert "What" not in null_chart.alt_text(NULL)
    assert "found: 0.844, feature 1646; no shuffle reaches it." in null_chart.alt_text(NULL)
    assert "; 50 of the shuffles reach it." in null_chart.alt_text(Null(NULL.shuffled, 0.5, 3))


def test_words_say_how_fast_and_what_failed() -> None:
    told = throughput.alt_text(runs())
    assert "5 runs that encode text, from 2026-01-06 to 2026-01-10" in told
    assert "the slowest 100, the fastest 500, the last 500. 1 failed" in told


def test_a_memory_forgets_what_was_used_longest_ago() -> None:
    memory: Cache[bytes] = Cache(10, len)
    memory.put("a", b"12345")
    memory.put("b", b"12345")
    assert memory.get("a") == b"12345"
    memory.put("c", b"1234")
    assert memory.get("b") is None
    assert memory.get("a") == b"12345"
    memory.put("too heavy", b"12345678901")
    memory.put("a", b"1")
    assert (len(memory), memory.get("a"), memory.get("c")) == (2, b"1", b"1234")


@pytest.fixture(scope="module")
def served(tiny_snapshot: Path) -> Iterator[Served]:
    with serving(tiny_snapshot) as found:
        yield found


def test_a_chart_may_be_kept_for_as_long_as_its_address_names_the_snapshot(served: Served) -> None:
    version = str(snapshot_of_cached_page(served.datasette))[:8]
    kept, asked = served.get(MEANS_CHART, v=version), served.get(MEANS_CHART)
    assert kept.headers["cache-control"] == "max-age=31536000, immutable"
    assert asked.headers["cache-control"] == served.get(MEANS_CHART, v="other").headers["cache-control"] == "no-cache"
    assert kept.content == asked.content
    tag = asked.headers["etag"]
    again = served.run(served.datasette.client.get(MEANS_CHART, headers={"If-None-Match": tag}))
    assert (again.status_code, again.content) == (304, b"")
    assert served.get(MEANS_CHART, theme="dark").headers["etag"] != tag


def test_a_chart_is_drawn_once_for_any_number_of_visitors(served: Served) -> None:
    before = len(DRAWN)
    addresses = [
        f"/chart/sae/{spelled}/blocks.1.hook_resid_pre/scatter.svg?theme=dark&width=narrow&{name}={number}"
        for spelled in ("tiny", "%74iny")
        for name in ("cachebuster", "sae")
        for number in range(2)
    ]

    async def visit() -> list[bytes]:
        answers = await asyncio.gather(*(served.datasette.client.get(address) for address in addresses))
        assert {answer.status_code for answer in answers} == {200}
        return [answer.content for answer in answers]

    assert len(set(served.run(visit()))) == 1
    assert len(DRAWN) == before + 1


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("/chart/contrast/medical/pie.svg", "there are: means, null"),
        ("/chart/contrast/nothing/means.svg", "there are: medical"),
        ("/chart/contrast/medical/means.svg?sae=other", "it is for: tiny/blocks.1"),
        ("/chart/sae/tiny/other/scatter.svg", "this atlas holds no SAE"),
    ],
)
def test_a_chart_that_is_not_there_says_what_is(address: str, advice: str, served: Served) -> None:
    assert advice in served.get(address, 404).text
