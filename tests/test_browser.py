"""A newcomer's path in a real browser: from the start page to a candidate's sentences and back.

Needs Debian's chromium (`apt-get install chromium`); screenshots lie in the
folder that SCREENSHOTS names, else in pytest's temporary one.
"""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from atlas.publish import publish
from atlas.serve import current_folder, datasette_of, listening
from tests.tiny_atlas import build_tiny_atlas

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """A server of a published site in a thread; its address."""
    with listening("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(datasette_of(folder).app(), log_level="error", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(timeout=10)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("browser")
    build_tiny_atlas(folder / "tiny.duckdb")
    publish(folder / "tiny.duckdb", folder / "site")
    with running(current_folder(folder / "site")) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


class Visit:
    """A page with what went wrong on it."""

    def __init__(self, page: Page, pictures: Path) -> None:
        self.page, self.pictures = page, pictures
        self.faults: list[str] = []
        page.on("console", lambda message: self.faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self.faults.append(request.url) if "127.0.0.1" not in request.url else None)

    def picture(self, name: str) -> None:
        self.page.screenshot(path=self.pictures / f"{name}.png")


@pytest.fixture(params=SIZES)
def visit(request: pytest.FixtureRequest, browser: Browser, tmp_path: Path) -> Iterator[Visit]:
    width, height = SIZES[request.param]
    pictures = Path(os.environ.get("SCREENSHOTS", tmp_path)) / request.param
    page = browser.new_page(viewport={"width": width, "height": height})
    yield Visit(page, pictures)
    page.close()


def test_from_the_start_to_a_candidates_sentences_and_back(address: str, visit: Visit) -> None:
    page = visit.page
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Feature atlas")
    visit.picture("start")
    page.get_by_role("link", name="Candidates of a contrast, by AUROC").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Candidates")
    visit.picture("candidates")
    page.get_by_title("its strongest sentences").first.click()
    expect(page.locator("td.col-sentence").first).to_contain_text("⟦")
    visit.picture("sentences")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Candidates")
    page.get_by_role("link", name="home").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Feature atlas")
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
