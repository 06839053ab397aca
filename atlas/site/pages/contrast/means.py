"""A contrast as the study drew it: each feature's mean activation on one side against that on the other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atlas.site.pages.cache import Cache, cached
from atlas.site.pages.charts.canvas import (
    TEXT,
    Style,
    chart_svg_file,
    in_pixels,
    name_axes,
    new_axes,
    plot_rectangle,
    shorten_text,
    write_chart_text,
)
from atlas.site.pages.charts.chart import Chart
from atlas.site.pages.charts.labels import place_labels
from atlas.site.pages.contrast.chosen import PRINTED, Contrast, chosen_contrast, first_candidates
from atlas.site.pages.page import Asked
from atlas.site.pages.rows import Row, rows

if TYPE_CHECKING:
    from datasette.app import Datasette

DECADES = 4.5
"""How far below the largest mean the axes reach; what is smaller lies on the edge, with zero."""
EDGE, ROOM_OF_ZERO = "0", 4
"""What the edge is called, and how many times its value the first tick is at least, so that both can be read."""
LABELLED = 8


@dataclass(frozen=True)
class Means:
    """Every feature of a contrast, in the order of its index.

    Shapes: all arrays (features,).
    """

    features: NDArray[np.int64]
    positive: NDArray[np.float64]
    control: NDArray[np.float64]
    auroc: NDArray[np.float64]
    printed: NDArray[np.bool_]
    best: Sequence[int] = ()
    labels: Sequence[str] = ()
    names: tuple[str, str] = field(default=("positive", "control"))


def alt_text(means: Means) -> str:
    """What the chart shows, in words and numbers."""
    total = len(means.features)
    above = int((means.positive > means.control).sum())
    only = int(((means.positive > 0) & (means.control == 0)).sum())
    said = (
        f"Scatter of {total:,} features, mean activation on {means.names[1]} documents across, on "
        f"{means.names[0]} documents up: {above:,} lie above the diagonal, {only:,} fire on {means.names[0]} alone."
    )
    if printed := int(means.printed.sum()):
        said += f" Rings mark the {printed:,} that the study's method prints."
    if means.best:
        first = means.best[0]
        said += (
            f" The first candidate is feature {means.features[first]} (AUROC {means.auroc[first]:.3f}): "
            f"{means.positive[first]:.3g} against {means.control[first]:.3g}."
        )
    return said


def draw(means: Means, style: Style) -> bytes:
    """The scatter; the many points are a picture, the marked ones and the text are not."""
    axes = new_axes(style, margins=(74, 14, 52, 46 if style.narrow else 30))
    low, high = _reach(means)
    positive, control = np.clip(means.positive, low, None), np.clip(means.control, low, None)
    _prepare(axes, style, low, high)
    theme = style.theme
    axes.plot([low, high], [low, high], color=theme.muted, linewidth=0.9, dashes=(4, 3), zorder=1)
    axes.scatter(control, positive, s=5, color=theme.accent, alpha=0.35, linewidths=0, rasterized=True, zorder=2)
    printed = means.printed
    axes.scatter(
        control[printed],
        positive[printed],
        s=34,
        facecolors="none",
        edgecolors=theme.warm,
        linewidths=1.1,
        zorder=3,
        label="printed by the study's method",
    )
    best = np.asarray(means.best, dtype=int)
    axes.scatter(
        control[best],
        positive[best],
        s=22,
        color=theme.accent,
        edgecolors=theme.ink,
        linewidths=0.8,
        zorder=4,
        label="first candidates",
    )
    marked = np.column_stack([control, positive])
    _label(axes, style, marked[best], means.labels, marked[printed])
    _explain(axes, style)
    name_axes(axes, style, f"mean activation, {means.names[1]}", f"mean activation, {means.names[0]}")
    return chart_svg_file(axes, f"Mean activation on {means.names[0]} against {means.names[1]} documents")


def _reach(means: Means) -> tuple[float, float]:
    """Where the axes begin and end; the lowest decade belongs to zero."""
    largest = max(float(np.max(means.positive, initial=0.0)), float(np.max(means.control, initial=0.0)), 1e-9)
    high = 10 ** (np.log10(largest) + 0.12)
    return float(high / 10**DECADES), float(high)


def _prepare(axes: Any, style: Style, low: float, high: float) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    margin = 0.82
    axes.set_xlim(low * margin, high)
    axes.set_ylim(low * margin, high)
    powers = range(int(np.ceil(np.log10(low * ROOM_OF_ZERO))), int(np.floor(np.log10(high))) + 1)
    ticks = [10.0**power for power in powers]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks([low, *ticks], [EDGE, *(f"{tick:g}" for tick in ticks)], parse_math=False)
        axis.set_ticks([], minor=True)


def _label(
    axes: Any, style: Style, points: NDArray[np.float64], labels: Sequence[str], others: NDArray[np.float64]
) -> None:
    """Names beside the first candidates, as many as find room."""
    texts = [shorten_text(text, 14 if style.narrow else 24) for text in labels]
    places = in_pixels(axes, points)
    for found in place_labels(places, texts, plot_rectangle(axes), in_pixels(axes, others)):
        write_chart_text(
            axes,
            points[found.point][0],
            points[found.point][1],
            texts[found.point],
            xytext=(found.dx * 0.75, found.dy * 0.75),
            ha=found.align,
            va="center",
            color=style.theme.ink,
            fontsize=TEXT * 0.96,
            zorder=5,
        )


def _explain(axes: Any, style: Style) -> None:
    """What the marks mean, above the chart, where no name of a feature is."""
    legend = axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=1 if style.narrow else 2,
        fontsize=TEXT * 0.94,
        frameon=False,
        labelcolor=style.theme.ink,
        handletextpad=0.3,
        borderpad=0.1,
        labelspacing=0.35,
    )
    legend.set_zorder(6)


async def read(datasette: "Datasette", contrast: Contrast) -> Means:
    """Every feature's means on both sides, and which of them are marked."""

    async def gather() -> Means:
        every = await rows(datasette, "contrast/means", **contrast.keys)
        best = await first_candidates(datasette, contrast)
        return gather_contrast_means(every, best[:LABELLED], contrast.names)

    return await cached(READ, datasette, tuple(contrast.keys.values()), gather)


def gather_contrast_means(every: list[Row], best: list[Row], names: tuple[str, str]) -> Means:
    """The rows as arrays, with marks on those that the study prints and on the first candidates."""

    def column(name: str) -> Any:
        return np.array([feature[name] for feature in every], dtype=float)

    index = column("feature").astype(np.int64)
    kept_by_study = np.flatnonzero(column("study_kept"))
    largest = kept_by_study[np.argsort(-column("study_difference")[kept_by_study], kind="stable")][:PRINTED]
    printed = np.zeros(len(every), dtype=bool)
    printed[largest] = True
    place = {int(feature): number for number, feature in enumerate(index)}
    return Means(
        features=index,
        positive=column("mean_positive"),
        control=column("mean_control"),
        auroc=column("auroc"),
        printed=printed,
        best=tuple(place[feature["feature"]] for feature in best),
        labels=tuple(_name(feature) for feature in best),
        names=names,
    )


def _name(feature: Row) -> str:
    token = feature["top_tokens"][0].strip() if feature["top_tokens"] else ""
    return f"{feature['feature']} {token}".strip()


async def _asked(asked: Asked) -> Means:
    return await read(asked.datasette, await chosen_contrast(asked))


READ: Cache[Means] = Cache(16)
CHART = Chart(_asked, draw, chosen_by=("sae",))
