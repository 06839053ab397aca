"""How fast each run encoded text, over time; failed runs stand out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from atlas.site.pages.charts.canvas import SMALL, TEXT, Size, Style, chart_svg_file, name_axes, new_axes
from atlas.site.pages.charts.chart import Chart
from atlas.site.pages.page import Asked, PageError
from atlas.site.pages.rows import Row, rows

DRAWN = 1000
"""The last runs that are looked at."""


@dataclass(frozen=True)
class Encoding:
    """A run that encoded text, or failed to: when it began (UTC), tokens, and tokens a second if it ended."""

    started_at: datetime
    tokens: int
    tokens_per_second: float | None
    failed: bool


def alt_text(runs: Sequence[Encoding]) -> str:
    """What the chart shows, in words and numbers."""
    speeds = [run.tokens_per_second for run in runs if run.tokens_per_second and not run.failed]
    failed = sum(run.failed for run in runs)
    first, last = min(run.started_at for run in runs), max(run.started_at for run in runs)
    when = f"from {first:%Y-%m-%d} to {last:%Y-%m-%d}" if first.date() != last.date() else f"on {first:%Y-%m-%d}"
    said = f"Throughput of {len(runs):,} runs that encode text, {when}: "
    if speeds:
        said += (
            f"half of those that ended well do more than {np.median(speeds):,.0f} tokens a second, the slowest "
            f"{min(speeds):,.0f}, the fastest {max(speeds):,.0f}, the last {speeds[-1]:,.0f}. "
        )
    return said + (f"{failed:,} failed, marked by crosses." if failed else "None failed.")


def draw(runs: Sequence[Encoding], style: Style) -> bytes:
    """A point a run, larger for more text; a cross at the foot for a failed one."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

    axes = new_axes(style, margins=(62, 22, 44, 26))
    theme = style.theme
    done = [run for run in runs if run.tokens_per_second and not run.failed]
    if done:
        most = max(run.tokens for run in done) or 1
        at, speeds = date2num([_utc(run) for run in done]), [run.tokens_per_second for run in done]
        axes.plot(at, speeds, color=theme.accent, linewidth=1, alpha=0.5, zorder=2)
        sizes = [18 + 90 * (run.tokens / most) ** 0.5 for run in done]
        axes.scatter(at, speeds, s=sizes, color=theme.accent, linewidths=0, zorder=3, label="done; larger: more tokens")
    if failed := date2num([_utc(run) for run in runs if run.failed]).tolist():
        cross = {"marker": "x", "s": 60, "linewidths": 2, "color": theme.failed}
        axes.scatter(failed, [0.0] * len(failed), zorder=4, clip_on=False, label="failed", **cross)
    axes.set_ylim(0, 1.12 * max((run.tokens_per_second or 0.0 for run in done), default=1.0))
    locator = AutoDateLocator(minticks=2, maxticks=4 if style.narrow else 7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=True))
    axes.xaxis.get_offset_text().set(color=theme.muted, fontsize=TEXT * 0.94)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    legend = {"loc": "lower left", "bbox_to_anchor": (-0.02, 1.0), "ncols": 2, "columnspacing": 1.2}
    axes.legend(**legend, fontsize=TEXT * 0.94, frameon=False, labelcolor=theme.ink, handletextpad=0.2, borderpad=0.1)
    name_axes(axes, style, "", "tokens a second")
    return chart_svg_file(axes, "Throughput of runs over time")


def _utc(run: Encoding) -> datetime:
    return run.started_at.replace(tzinfo=UTC)


def encoding_runs(runs: Iterable[Row]) -> list[Encoding]:
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


async def _asked(asked: Asked) -> list[Encoding]:
    found = encoding_runs(await rows(asked.datasette, "runs/rows", limit=DRAWN))
    if not found:
        raise PageError("no run of this atlas has encoded text yet")
    return found


CHART = Chart(_asked, draw, wide=Size(720, 270), narrow=SMALL)
