"""The study's plots of an SAE: how the moments of its features' logit weights are spread, and how they go together."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atlas.site.pages.cache import Cache, cached
from atlas.site.pages.charts.canvas import SMALL, TEXT, Style, chart_svg_file, name_axes, new_axes, write_chart_text
from atlas.site.pages.charts.chart import Chart
from atlas.site.pages.page import Asked
from atlas.site.pages.rows import rows, sae_named

if TYPE_CHECKING:
    from datasette.app import Datasette

BINS = 60
DEAD = -9.5
"""log10 sparsity at or below which a feature never fired in training: the files add 1e-10 before the logarithm."""


@dataclass(frozen=True)
class Moments:
    """The features of an SAE; NaN where a moment is not known.

    Shapes: all arrays (d_sae,).
    """

    std: NDArray[np.float64]
    skewness: NDArray[np.float64]
    kurtosis: NDArray[np.float64]
    log_sparsity: NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """A histogram to draw: which values, on what scale, and where a normal distribution would lie."""

    values: NDArray[np.float64]
    name: str
    normal: float | None = None
    logarithmic: bool = False


def moment_histograms(moments: Moments) -> dict[str, Spread]:
    """The histograms of an SAE by the names that their addresses use."""
    return {
        "skewness": Spread(moments_to_draw(moments.skewness), "skewness of logit weights", normal=0.0),
        "kurtosis": Spread(
            moments_to_draw(moments.kurtosis), "kurtosis of logit weights", normal=3.0, logarithmic=True
        ),
        "sparsity": Spread(moments_to_draw(moments.log_sparsity), "log10 of density in training"),
    }


def moments_to_draw(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values that are numbers."""
    return values[np.isfinite(values)]


def spread_alt_text(spread: Spread) -> str:
    """What a histogram shows, in words and numbers."""
    values = spread.values
    if not len(values):
        return f"Histogram of the {spread.name}: not known for any feature."
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    said = (
        f"Histogram of the {spread.name} of {len(values):,} features: half lie below {middle:.3g}, nine in ten "
        f"between {low:.3g} and {high:.3g}, all between {values.min():.3g} and {values.max():.3g}."
    )
    if spread.normal is not None:
        said += f" A normal distribution has {spread.normal:g}."
    if spread.name.startswith("log10") and (dead := int((values <= DEAD).sum())):
        said += f" {dead:,} never fired in training."
    return said


def draw_spread(spread: Spread, style: Style) -> bytes:
    """A histogram with counts on a logarithmic scale, where the few features of the tails can be seen."""
    axes = new_axes(style, margins=(62, 12, 48, 26))
    values, theme = spread.values, style.theme
    if len(values):
        axes.hist(values, bins=_bins(spread), color=theme.accent, linewidth=0, log=True, histtype="stepfilled")
        axes.set_ylim(0.7, None)
        if spread.logarithmic:
            axes.set_xscale("log")
            ticks = [tick for tick in (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000) if _within(tick, values)]
            axes.xaxis.set_ticks(ticks, [f"{tick}" for tick in ticks], parse_math=False)
            axes.xaxis.set_ticks([], minor=True)
        _plain_counts(axes)
    if spread.normal is not None:
        axes.axvline(spread.normal, color=theme.warm, linewidth=1.2)
        write_chart_text(
            axes,
            spread.normal,
            1.0,
            "normal",
            xycoords=axes.get_xaxis_transform(),
            xytext=(0, 4),
            ha="center",
            va="bottom",
            color=theme.warm,
            annotation_clip=False,
        )
    name_axes(axes, style, spread.name, "features")
    return chart_svg_file(axes, f"Histogram of the {spread.name}")


def moments_alt_text(moments: Moments) -> str:
    """What the scatter shows, in words and numbers."""
    both = np.isfinite(moments.skewness) & np.isfinite(moments.kurtosis) & (moments.kurtosis > 0)
    if both.sum() < 2:
        return "Scatter of skewness against kurtosis: not known for two features or more."
    skewness, kurtosis = moments.skewness[both], moments.kurtosis[both]
    together = np.corrcoef(np.abs(skewness), np.log(kurtosis))[0, 1] if skewness.std() and kurtosis.std() else np.nan
    first = int(np.nanargmax(np.where(both, moments.kurtosis, -np.inf)))
    said = (
        f"Scatter of {int(both.sum()):,} features: skewness of logit weights across, kurtosis on a logarithmic scale "
        f"up, colour by standard deviation from {np.nanmin(moments.std):.3g} to {np.nanmax(moments.std):.3g}. "
        f"{int((skewness > 0).sum()):,} are skewed to the right. The highest kurtosis is {kurtosis.max():.3g}, of "
        f"feature {first}, with skewness {moments.skewness[first]:.3g}."
    )
    if np.isfinite(together):
        said += f" Distance of skewness from zero and log kurtosis correlate at {together:.2f}."
    return said


def draw_moments_scatter(moments: Moments, style: Style) -> bytes:
    """Skewness against kurtosis, coloured by std; large std drawn last, where it can be seen."""
    axes = new_axes(style, margins=(56, 14, 52, 62))
    theme = style.theme
    both = np.flatnonzero(np.isfinite(moments.skewness) & (moments.kurtosis > 0))
    order = both[np.argsort(moments.std[both], kind="stable")]
    axes.set_yscale("log")
    if len(order):
        low, high = np.quantile(moments.std[order], [0.01, 0.99])
        points = axes.scatter(
            moments.skewness[order],
            moments.kurtosis[order],
            c=moments.std[order],
            s=6,
            alpha=0.75,
            linewidths=0,
            cmap=theme.colormap,
            vmin=low,
            vmax=max(high, low + 1e-9),
            rasterized=True,
        )
        _scale(axes, style, points)
        ticks = [
            tick for tick in (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000) if _within(tick, moments.kurtosis[order])
        ]
        axes.yaxis.set_ticks(ticks, [f"{tick}" for tick in ticks], parse_math=False)
        axes.yaxis.set_ticks([], minor=True)
    name_axes(axes, style, "skewness of logit weights", "kurtosis (log scale)")
    return chart_svg_file(axes, "Skewness against kurtosis of logit weights")


def _scale(axes: Any, style: Style, points: Any) -> None:
    """A bar of colours above the chart, with what they mean."""
    place = axes.inset_axes((0.0, 1.0 + 16 / (style.size.height - 114), 1.0, 7 / (style.size.height - 114)))
    bar = axes.figure.colorbar(points, cax=place, orientation="horizontal", ticklocation="top")
    bar.solids.set(alpha=1.0, rasterized=True)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=style.theme.muted, labelsize=TEXT * 0.94, length=2, width=0.7, pad=2)
    bar.ax.locator_params(nbins=4 if style.narrow else 7)
    label = bar.ax.xaxis.label
    label.set(text="standard deviation of logit weights", color=style.theme.ink, fontsize=TEXT, parse_math=False)


def _bins(spread: Spread) -> NDArray[np.float64]:
    """Edges of bins of one width on the scale that is drawn."""
    low, high = float(spread.values.min()), float(spread.values.max())
    if spread.logarithmic and low > 0:
        high = max(high, low * 1.01)
        return np.geomspace(low, high, BINS + 1)
    return np.linspace(low, max(high, low + 1e-6), BINS + 1)


def _within(tick: float, values: NDArray[np.float64]) -> bool:
    return bool(values.min() * 0.98 <= tick <= values.max() * 1.02)


def _plain_counts(axes: Any) -> None:
    """Counts as people write them: 1, 10, 100, 1,000."""
    high = axes.get_ylim()[1]
    ticks = [10**power for power in range(7) if 10**power <= high]
    axes.yaxis.set_ticks(ticks, [f"{tick:,}" for tick in ticks], parse_math=False)
    axes.yaxis.set_ticks([], minor=True)


async def read_moments(datasette: "Datasette", sae: int) -> Moments:
    """The moments of every feature of an SAE, in the order of the index."""

    async def read() -> Moments:
        features = await rows(datasette, "sae/moments", sae=sae)
        columns = ("logit_std", "logit_skewness", "logit_kurtosis", "log_sparsity")
        return Moments(*(np.array([feature[name] for feature in features], dtype=float) for name in columns))

    return await cached(READ, datasette, sae, read)


async def moments_of_sae_page(asked: Asked) -> Moments:
    """The moments of the SAE that an address names."""
    return await read_moments(asked.datasette, (await sae_named(asked.datasette, asked.parts["path"]))["sae"])


async def spread_asked(asked: Asked) -> Spread:
    """The histogram that an address names."""
    return moment_histograms(await moments_of_sae_page(asked))[asked.parts["chart"]]


READ: Cache[Moments] = Cache(16)
_SPREAD = Chart(spread_asked, draw_spread, wide=SMALL, narrow=SMALL)
CHARTS = {
    "scatter": Chart(moments_of_sae_page, draw_moments_scatter),
    "skewness": _SPREAD,
    "kurtosis": _SPREAD,
    "sparsity": _SPREAD,
}
