"""A newcomer's path in a real browser: from the start page to a candidate, its sentences, its contrast and back.

Needs Debian's chromium (`apt-get install chromium`); screenshots lie in the
folder that SCREENSHOTS names, else in pytest's temporary one.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from atlas.publish import publish
from atlas.site.live.model import LiveModel
from atlas.site.live.plugin import switch_on_live_model
from atlas.site.serve import Front, datasette_of
from schema import open_atlas
from tests.made.patience import PATIENCE_SECONDS
from tests.made.serving import running

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")
PATIENCE_MILLISECONDS = 1000 * PATIENCE_SECONDS
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def address(tiny_snapshot: Path) -> Iterator[str]:
    with running(datasette_of(tiny_snapshot).app()) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


class Visit:
    """A page with what went wrong on it."""

    def __init__(self, page: Page, pictures: Path) -> None:
        self.page, self.pictures = page, pictures
        self.faults: list[str] = []
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.on("console", lambda message: self.faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self.faults.append(request.url) if "127.0.0.1" not in request.url else None)

    def fits(self) -> None:
        """Nothing of the page is wider than the window."""
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    def picture(self, name: str) -> None:
        self.page.screenshot(path=self.pictures / f"{name}.png")


@pytest.fixture(params=SIZES)
def visit(request: pytest.FixtureRequest, browser: Browser, tmp_path: Path) -> Iterator[Visit]:
    width, height = SIZES[request.param]
    pictures = Path(os.environ.get("SCREENSHOTS", tmp_path)) / request.param
    page = browser.new_page(viewport={"width": width, "height": height})
    yield Visit(page, pictures)
    page.close()


def test_from_the_start_to_a_candidate_its_sentences_its_contrast_and_back(address: str, visit: Visit) -> None:
    page = visit.page
    page.goto(address)
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text("Feature atlas")
    visit.picture("start")
    page.locator("ol.candidates a.index").first.click()
    expect(heading).to_contain_text("Feature #")
    expect(page.locator("#sentences mark.peak").first).to_be_visible()
    visit.fits()
    visit.picture("feature")
    page.locator("#contrasts").get_by_role("link", name="medical").first.click()
    expect(heading).to_contain_text("Contrast medical")
    chart = page.locator("figure.chart img").first
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_js_property("complete", True)
    assert chart.evaluate("image => image.naturalWidth") > 300
    assert chart.get_attribute("alt")
    visit.fits()
    visit.picture("contrast")
    page.get_by_role("link", name="home").first.click()
    expect(heading).to_contain_text("Feature atlas")
    assert visit.faults == []


@pytest.mark.parametrize("name", ["years", "domains"])
def test_from_the_start_to_a_number_and_to_classes_with_their_charts(name: str, address: str, visit: Visit) -> None:
    page = visit.page
    page.goto(address)
    page.locator("#associations").get_by_role("link", name=name).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Contrast {name}")
    for chart in page.locator("figure.chart img").all():
        chart.scroll_into_view_if_needed()
        expect(chart).to_have_js_property("complete", True)
        assert chart.evaluate("image => image.naturalWidth") > 300
    visit.fits()
    visit.picture(name)
    page.locator("table.candidates tbody a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Feature #")
    assert visit.faults == []


def test_the_search_box_finds_a_word_and_a_feature(address: str, visit: Visit) -> None:
    page = visit.page
    page.goto(address + "runs")
    page.get_by_role("searchbox").fill("asthma")
    page.keyboard.press("Enter")
    expect(page.locator("#features tbody a").first).to_have_text("1")
    expect(page.locator("#sentences")).to_contain_text("Asthma causes tight lungs")
    visit.fits()
    visit.picture("found")
    page.get_by_role("searchbox").fill("tiny/blocks.1.hook_resid_pre#3")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Feature #3")
    assert visit.faults == []


def test_rows_are_downloaded_as_csv(address: str, visit: Visit) -> None:
    page = visit.page
    page.goto(address)
    page.get_by_role("link", name="Candidates of a contrast").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Candidates")
    answer = page.request.get(page.get_by_role("link", name="CSV").first.evaluate("link => link.href"))
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text().startswith("place,sae,feature,auroc,")
    assert visit.faults == []


def test_the_rows_of_a_table_are_saved_as_a_csv_file(address: str, visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    page.goto(address + "activations/activation?feature=1")
    page.get_by_label("download file").check()
    with page.expect_download() as saving:
        page.get_by_role("button", name="Export CSV").click()
    saving.value.save_as(tmp_path / "saved.csv")
    lines = (tmp_path / "saved.csv").read_text(encoding="utf-8").splitlines()
    assert saving.value.suggested_filename == "activation.csv"
    assert set(lines[0].split(",")) > {"sae", "feature", "context", "position", "activation"}
    assert f"{len(lines) - 1:,} rows" in page.locator("h3").first.inner_text()
    assert visit.faults == []


def test_a_parameter_changes_a_saved_query(address: str, visit: Visit) -> None:
    page = visit.page
    page.goto(address + "atlas/candidates")
    before = page.locator("table.rows-and-columns tbody tr").count()
    page.locator("input[name=limit]").fill("2")
    page.get_by_role("button", name="Run SQL").click()
    expect(page.locator("table.rows-and-columns tbody tr")).to_have_count(2)
    assert before > 2
    assert visit.faults == []


def test_search_finds_a_sentence(address: str, visit: Visit) -> None:
    page = visit.page
    page.goto(address + "atlas/document")
    word = page.locator("td.col-text").first.inner_text().split()[-1].strip(".?!")
    page.locator("input[name=_search]").fill(word)
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("td.col-text").first).to_contain_text(word)
    visit.picture("search")
    assert visit.faults == []


def test_a_querys_rows_are_drawn_as_a_chart(address: str, visit: Visit) -> None:
    page = visit.page
    page.goto(address + "atlas/candidates")
    page.get_by_text("Show charting options").click()
    page.get_by_label("Scatter").check()
    page.locator("select").nth(0).select_option("place")
    page.locator("select").nth(2).select_option("auroc")
    expect(page.locator("canvas")).to_have_count(1)
    visit.picture("chart")
    assert visit.faults == []


def test_how_to_run_a_query_elsewhere_is_shown_with_what_was_typed(address: str, visit: Visit) -> None:
    page = visit.page
    page.goto(address + "atlas/candidates?limit=2")
    page.get_by_text("Run this elsewhere").click()
    expect(page.locator(".atlas-share code").first).to_have_text("atlas query tiny.duckdb candidates -p limit=2")
    visit.picture("share")
    assert visit.faults == []


def test_a_second_snapshot_appears_and_a_typed_sentence_is_answered(
    browser: Browser, atlas_copy: Path, bundled_site: Path, tmp_path: Path
) -> None:
    shutil.copytree(bundled_site, tmp_path / "site")
    model = LiveModel(["pocket"], seconds=PATIENCE_SECONDS)
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    visit = Visit(page, Path(os.environ.get("SCREENSHOTS", tmp_path)) / "desktop")
    try:
        with running(Front(tmp_path / "site", lambda datasette: switch_on_live_model(datasette, model))) as address:
            page.goto(f"{address}live")
            until_loaded(page)
            page.get_by_label("A sentence").fill("The infection had spread to the kidneys.")
            page.get_by_role("button", name="See what fires").click()
            expect(page.get_by_role("heading", level=1)).to_have_text("What fires")
            expect(page.locator("mark").first).to_be_visible()
            visit.picture("live")
            page.locator("table.rows a").first.click()
            expect(page.get_by_role("heading", level=1)).to_contain_text("Feature #")
            with open_atlas(atlas_copy) as atlas, atlas.transaction():
                atlas.rows("INSERT INTO corpus VALUES (100, 'second/snapshot', 'other')")
            publish(atlas_copy, tmp_path / "site")
            expect(page.get_by_text("second/snapshot")).to_have_count(0)
            page.goto(f"{address}atlas/corpus")
            while not page.get_by_text("second/snapshot").count():
                page.wait_for_timeout(250)
                page.reload()
            assert visit.faults == []
    finally:
        model.close()
        page.close()


def until_loaded(page: Page) -> None:
    """Ask again until the model's process is there; what it says meanwhile is an answer of its own."""
    while page.request.get(f"{page.url}?text=ready").status == 503:
        page.wait_for_timeout(500)


def test_the_map_of_features_is_gone_through_by_links(address: str, visit: Visit) -> None:
    page = visit.page
    heading, part = page.get_by_role("heading", level=1), page.locator("#map-heading")
    page.goto(f"{address}sae/tiny/blocks.1.hook_resid_pre")
    page.get_by_role("link", name="their clusters and map").click()
    expect(heading).to_contain_text("Map of")
    expect(part).to_have_text("The whole map")
    visit.fits()
    visit.picture("map")
    page.locator(".map .further a").nth(5).click()
    expect(part).to_contain_text("A part of the map")
    visit.fits()
    page.get_by_role("link", name="the whole map").click()
    expect(part).to_have_text("The whole map")
    page.get_by_role("link", name="#4", exact=True).click()
    expect(heading).to_contain_text("Feature #4")
    expect(page.locator("#elsewhere ol.line li")).to_have_count(2)
    visit.fits()
    page.locator("#family").get_by_role("link", name="On the map").first.click()
    expect(part).to_contain_text("A part of the map")
    assert not visit.faults
