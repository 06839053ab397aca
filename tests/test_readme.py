"""What the README says holds: its Python runs as written, and it names what exists."""

import re
from pathlib import Path

import pandas as pd
import polars
import pytest

from tests.tiny_atlas import build_tiny_atlas

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_runs_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    build_tiny_atlas(tmp_path / "atlas.duckdb")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    rows = names["rows"]
    frame = rows.to_pandas()  # type: ignore[attr-defined]
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) > 0
    assert polars.from_arrow(rows).shape == frame.shape


def test_links_to_files_in_the_repository_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        assert not path or (ROOT / path).is_file(), link
        assert not anchor or anchor in {
            heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", README, re.M)
        }
