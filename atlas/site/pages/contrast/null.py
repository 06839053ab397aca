"""What a contrast finds under shuffled labels, beside what it found."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atlas.site.pages.charts.canvas import SMALL, Style, chart_svg_file, name_axes, new_axes, write_chart_text
from atlas.site.pages.charts.chart import Chart
from atlas.site.pages.contrast.chosen import Contrast, chosen_contrast
from atlas.site.pages.page import Asked, PageError
from atlas.site.pages.rows import row, rows

if TYPE_CHECKING:
    from datasette.app import Datasette


@dataclass(frozen=True)
class Null:
    """The largest AUROC of each shuffle, and the largest that was found.

    Shapes: shuffled (shuffles,).
    """

    shuffled: NDArray[np.float64]
    found: float
    feature: int


def alt_text(null: Null) -> str:
    """What the chart shows, in words and numbers."""
    reached = int((null.shuffled >= null.found).sum())
    return (
        f"Histogram of the best AUROC of any feature in each of {len(null.shuffled):,} shuffles of the labels, from "
        f"{null.shuffled.min():.3f} to {null.shuffled.max():.3f}, half of them below {np.median(null.shuffled):.3f}. "
        f"A line marks what was found: {null.found:.3f}, feature {null.feature}; "
        + ("no shuffle reaches it." if not reached else f"{reached:,} of the shuffles reach it.")
    )


def draw(null: Null, style: Style) -> bytes:
    """The histogram, with a line at what was found."""
    axes = new_axes(style, margins=(52, 16, 50, 28))
    theme = style.theme
    low, high = float(null.shuffled.min()), float(max(null.shuffled.max(), null.found))
    reach = max(high - low, 1e-3)
    axes.set_xlim(low - 0.04 * reach, high + 0.04 * reach)
    bins = np.linspace(low, float(null.shuffled.max()) + 1e-6, 25)
    axes.hist(null.shuffled, bins=bins, color=theme.muted, linewidth=0, histtype="stepfilled")
    axes.axvline(null.found, color=theme.accent, linewidth=2)
    middle = low + reach / 2
    write_chart_text(
        axes,
        null.found,
        1.0,
        f"found: {null.found:.3f}, feature {null.feature}",
        xycoords=axes.get_xaxis_transform(),
        xytext=(4 if null.found > middle else -4, 5),
        ha="right" if null.found > middle else "left",
        va="bottom",
        color=theme.accent,
        annotation_clip=False,
    )
    name_axes(axes, style, "best AUROC of any feature", "shuffles")
    return chart_svg_file(axes, "Best AUROC under shuffled labels, and what was found")


async def read(datasette: "Datasette", contrast: Contrast) -> Null | None:
    """The best AUROC under shuffled labels beside the one found; None where no null is stored or nothing fires."""
    shuffles = await rows(datasette, "contrast/shuffles", **contrast.keys)
    best = await row(datasette, "contrast/best_tested", **contrast.keys)
    if not shuffles or best is None:
        return None
    aurocs = np.array([shuffle["max_auroc"] for shuffle in shuffles], dtype=float)
    return Null(aurocs, float(best["auroc"]), int(best["feature"]))


async def _asked(asked: Asked) -> Null:
    found = await read(asked.datasette, await chosen_contrast(asked))
    if found is None:
        raise PageError("this contrast has no shuffles; compute them with: atlas contrast ATLAS NAME ... --null 200")
    return found


CHART = Chart(_asked, draw, wide=SMALL, narrow=SMALL, chosen_by=("sae",))
