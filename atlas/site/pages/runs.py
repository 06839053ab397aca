"""The page of runs: what was done to the atlas, by what, how fast, and what went wrong."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from atlas.site.pages.addresses import row_address, table_address
from atlas.site.pages.chart import Chart, drawing, picture
from atlas.site.pages.charts.style import SMALL, Size
from atlas.site.pages.charts.throughput import Encoding, draw_throughput, tell_throughput
from atlas.site.pages.page import Asked, Page, PageError
from atlas.site.pages.reading import Row, row, rows, rows_if_published

if TYPE_CHECKING:
    from datasette.app import Datasette

SHOWN = 100
DRAWN = 1000
FEWEST_DRAWN = 2
LONGEST_VALUE = 120


async def _encodings_asked(asked: Asked) -> list[Encoding]:
    found = encodings(await rows(asked.datasette, "runs", limit=DRAWN))
    if not found:
        raise PageError("no run of this atlas has encoded text yet")
    return found


CHARTS = {"throughput": Chart(_encodings_asked, draw_throughput, wide=Size(720, 270), narrow=SMALL)}
chart = drawing(CHARTS)


async def view(asked: Asked) -> Page:
    """Every run, newest first, and what the schedule did."""
    datasette = asked.datasette
    found = await rows(datasette, "runs", limit=DRAWN)
    counted = await row(datasette, "runs_counted")
    assert counted is not None
    content = {
        **counted,
        "shown": described(found[: SHOWN + 1])[:SHOWN],
        "every": table_address(datasette, "ingest_run", _sort_desc="ingest_run"),
        "charts": _charts(datasette, encodings(found)),
        "scheduled": await _scheduled(datasette),
        "every_scheduled": table_address(datasette, "scheduled_run", _sort_desc="scheduled_run"),
    }
    for run in content["shown"]:
        run["address"] = row_address(datasette, "ingest_run", run["ingest_run"])
    return Page("runs.html", "Runs", content)


async def _scheduled(datasette: "Datasette") -> list[Row]:
    """What came of each due time, the latest first, with the run that it made if it made one."""
    found = await rows_if_published(datasette, "scheduled_run", "scheduled_runs", limit=SHOWN)
    return [
        run | {"address": run["ingest_run"] is not None and row_address(datasette, "ingest_run", run["ingest_run"])}
        for run in found
    ]


def encodings(runs: Iterable[Row]) -> list[Encoding]:
    """The runs that encoded text or failed to, oldest first."""
    found = [
        Encoding(
            datetime.fromisoformat(run["started_at"]),
            run["tokens"],
            run["tokens_per_second"],
            run["status"] == "failed",
        )
        for run in runs
        if run["tokens"] or (run["command"] == "ingest" and run["status"] == "failed")
    ]
    return sorted(found, key=lambda run: run.started_at)


def described(runs: list[Row]) -> list[dict[str, Any]]:
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
                "asked": in_words(json.loads(run["arguments"])),
                "versions": versions,
                "new_versions": {name: value for name, value in versions.items() if earlier.get(name) != value},
            }
        )
    return told


def in_words(arguments: Mapping[str, Any]) -> str:
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
    drawn = picture(
        datasette,
        "runs/throughput",
        CHARTS["throughput"],
        alt=tell_throughput(encoded),
        caption="Tokens a second over a whole run, loading the model included.",
        rows=table_address(datasette, "ingest_run", tokens__gt=0, _sort_desc="started_at"),
    )
    return {"throughput": drawn}
