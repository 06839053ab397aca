"""The page of runs: what was done to the atlas, by what, how fast, and what went wrong."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from atlas.site.pages.addresses import row_address, table_address
from atlas.site.pages.charts.chart import chart_picture, chart_view
from atlas.site.pages.page import Asked, Page
from atlas.site.pages.rows import Row, row, rows, rows_if_published
from atlas.site.pages.runs import throughput
from atlas.site.pages.runs.throughput import DRAWN, Encoding, encoding_runs

if TYPE_CHECKING:
    from datasette.app import Datasette

SHOWN = 100
FEWEST_DRAWN = 2
LONGEST_VALUE = 120


CHARTS = {"throughput": throughput.CHART}
chart = chart_view(CHARTS)


async def view(asked: Asked) -> Page:
    """Every run, newest first, and what the schedule did."""
    datasette = asked.datasette
    found = await rows(datasette, "runs/rows", limit=DRAWN)
    counted = await row(datasette, "runs/counted")
    assert counted is not None
    content = {
        **counted,
        "shown": runs_of_page(found[: SHOWN + 1])[:SHOWN],
        "every": table_address(datasette, "ingest_run", _sort_desc="ingest_run"),
        "charts": _charts(datasette, encoding_runs(found)),
        "scheduled": await _scheduled(datasette),
        "every_scheduled": table_address(datasette, "scheduled_run", _sort_desc="scheduled_run"),
    }
    for run in content["shown"]:
        run["address"] = row_address(datasette, "ingest_run", run["ingest_run"])
    return Page("runs/page.html", "Runs", content)


async def _scheduled(datasette: "Datasette") -> list[Row]:
    """What came of each due time, the latest first, with the run that it made if it made one."""
    found = await rows_if_published(datasette, "scheduled_run", "runs/scheduled", limit=SHOWN)
    return [
        run | {"address": run["ingest_run"] is not None and row_address(datasette, "ingest_run", run["ingest_run"])}
        for run in found
    ]


def runs_of_page(runs: list[Row]) -> list[dict[str, Any]]:
    """Runs as people read them: arguments in words, and versions only where they are others than before."""
    told = []
    for run, before in zip(runs, [*runs[1:], None], strict=True):
        versions = json.loads(run["versions"])
        earlier = json.loads(before["versions"]) if before else {}
        told.append(
            run
            | {
                "started_at": run["started_at"][:19],
                "arguments": json.loads(run["arguments"]),
                "asked": run_arguments_in_words(json.loads(run["arguments"])),
                "versions": versions,
                "new_versions": {name: value for name, value in versions.items() if earlier.get(name) != value},
            }
        )
    return told


def run_arguments_in_words(arguments: Mapping[str, Any]) -> str:
    """The arguments that say something, in one line."""
    said = []
    for name, value in arguments.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        if value is not None and value is not False and value not in ("", []):
            said.append(f"{name.replace('_', ' ')}: {text[:LONGEST_VALUE]}{'…' if len(text) > LONGEST_VALUE else ''}")
    return "; ".join(said)


def _charts(datasette: "Datasette", encoded: list[Encoding]) -> dict[str, Any]:
    """Throughput over time, where there is a course of it to see."""
    if len(encoded) < FEWEST_DRAWN:
        return {}
    drawn = chart_picture(
        datasette,
        "runs/throughput",
        CHARTS["throughput"],
        alt=throughput.alt_text(encoded),
        caption="Tokens a second over a whole run, loading the model included.",
        rows=table_address(datasette, "ingest_run", tokens__gt=0, _sort_desc="started_at"),
    )
    return {"throughput": drawn}
