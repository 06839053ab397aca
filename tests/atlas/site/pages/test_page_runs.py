"""The page of runs: failed ones stand out, versions are shown where they change."""

from collections.abc import Iterator
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from atlas.site.pages.runs import run_arguments_in_words, runs_of_page
from atlas.site.pages.runs.throughput import encoding_runs
from tests.made.activation_pages import Served, serving


@pytest.fixture(scope="module")
def served(tiny_snapshot: Path) -> Iterator[Served]:
    with serving(tiny_snapshot) as found:
        yield found


def run(number: int, **changed: Any) -> dict[str, Any]:
    stored = {
        "ingest_run": number,
        "command": "ingest",
        "status": "done",
        "started_at": f"2026-01-0{number} 09:30:00.5",
    }
    stored |= {"arguments": '{"sources": ["a", "b"], "limit": null, "on_error": "stop"}', "versions": '{"torch": "2"}'}
    return stored | {"tokens": 10 * number, "tokens_per_second": 5.0, "error": None} | changed


def test_the_runs_are_the_stored_ones_newest_first(served: Served) -> None:
    held = served.get("/runs.json").json()
    assert (held["runs"], held["failed"], held["tokens"]) == (2, 1, 121)
    assert [row["ingest_run"] for row in held["shown"]] == [1, 0]
    for row in held["shown"]:
        assert served.get(row["address"]).status_code == 200


def test_a_failed_run_stands_out_with_its_error(served: Served) -> None:
    page = unescape(served.get("/runs").text)
    assert '<li class="run failed">' in page
    assert '<p class="error">broken.jsonl: line 3 is not JSON</p>' in page
    assert '<strong class="failed">1 failed.</strong>' in page
    assert "<script" not in page


def test_the_chart_is_of_the_runs_that_encode(served: Served) -> None:
    chart = served.get("/runs.json").json()["charts"]["throughput"]
    assert "2 runs that encode text" in chart["alt"]
    assert served.get(chart["address"]).headers["content-type"].startswith("image/svg+xml")
    assert served.get(chart["rows"]).status_code == 200


def test_only_runs_with_text_or_an_error_are_drawn_oldest_first() -> None:
    failed = run(3, status="failed", tokens=0, tokens_per_second=None)
    drawn = encoding_runs([run(5), run(4, command="contrast", tokens=0), failed, run(2)])
    assert [(one.started_at, one.failed) for one in drawn] == [
        (datetime(2026, 1, 2, 9, 30, 0, 500_000), False),
        (datetime(2026, 1, 3, 9, 30, 0, 500_000), True),
        (datetime(2026, 1, 5, 9, 30, 0, 500_000), False),
    ]


def test_versions_are_news_only_where_they_changed() -> None:
    newest, middle, oldest = runs_of_page([run(3, versions='{"torch": "3"}'), run(2), run(1)])
    assert newest["new_versions"] == {"torch": "3"}
    assert middle["new_versions"] == {}
    assert oldest["new_versions"] == {"torch": "2"}


def test_arguments_in_words() -> None:
    assert runs_of_page([run(1)])[0]["asked"] == "sources: a, b; on error: stop"
    assert run_arguments_in_words({"texts": ["x" * 200]}) == f"texts: {'x' * 120}…"
    assert run_arguments_in_words({"limit": 0, "replace": False, "features": []}) == "limit: 0"
