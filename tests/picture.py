"""The README's picture: the candidates page of the site that `make atlas` publishes, some columns left out.

python -m tests.picture
"""

from pathlib import Path

from playwright.sync_api import sync_playwright

from atlas.serve import current_folder
from tests.test_browser import CHROMIUM, running

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = (
    "sae",
    "p",
    "documents_positive",
    "documents_control",
    "mean_difference",
    "example_corpus",
    "example_document",
)


def main() -> None:
    """Take the picture."""
    hidden = ", ".join((*(f".col-{name}" for name in LEFT_OUT), ".atlas-parameters", "form.sql", ".export-links", "h3"))
    with running(current_folder(ROOT / "site")) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 660})
        page.goto(f"{address}atlas/candidates")
        page.add_style_tag(content=f"{hidden} {{ display: none }}")
        page.screenshot(path=ROOT / "tests" / "pictures" / "candidates.png")
        browser.close()


if __name__ == "__main__":
    main()
