"""The README's picture: the page of the best candidate in the site that `make atlas` publishes.

python -m tests.picture
"""

from pathlib import Path

from playwright.sync_api import sync_playwright

from atlas.site.serve import datasette_of, served_snapshot_folder
from tests.atlas.site.pages.test_browser import CHROMIUM
from tests.made.serving import running

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Take the picture."""
    application = datasette_of(served_snapshot_folder(ROOT / "site")).app()
    with running(application) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1180, "height": 900})
        page.goto(f"{address}atlas/monosemantic")
        page.locator("a[href^='/feature/']").first.click()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=ROOT / "tests" / "pictures" / "feature.png")
        browser.close()


if __name__ == "__main__":
    main()
