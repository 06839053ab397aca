"""What the README says holds: its Python runs as written, and it names what exists."""

import re
from pathlib import Path

import pandas as pd
import polars
import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / name / "README.md" for name in ("atlas", "ingest", "ingest/schedule", "queries", "schema")),
]


def test_the_python_runs_as_written(tiny_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "queries" / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    monkeypatch.chdir(tiny_copy.parent)
    names: dict[str, object] = {}
    exec(compile(code, "queries/README.md", "exec"), names)
    rows = names["rows"]
    frame = rows.to_pandas()  # type: ignore[attr-defined]
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) > 0
    assert polars.from_arrow(rows).shape == frame.shape


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_in_the_repository_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = page.parent / path if path else page
        assert target.is_file(), link
        assert not anchor or anchor in _anchors(target), link


def test_the_front_page_is_short_and_names_the_study() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert page.count("\n") <= 150
    assert "https://github.com/MysticDeepAI/Interpreting-Language-Models-with-SAEs-and-SHAP" in page


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {heading.lower().replace(" ", "-") for heading in headings}
