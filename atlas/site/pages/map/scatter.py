"""The map as a chart: a point a feature, coloured by cluster or by what a contrast calls, each cluster named."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlas.site.pages.charts.canvas import (
    TEXT,
    Size,
    Style,
    chart_svg_file,
    in_pixels,
    new_axes,
    plot_rectangle,
    shorten_text,
    write_chart_text,
)
from atlas.site.pages.charts.labels import place_labels
from atlas.site.pages.map.points import Part, Points

SQUARE = Size(720, 720)
SQUARE_NARROW = Size(360, 360)
NAMED, NAMED_NARROW = 40, 14
NUMBERED = 60
"""In a part with no more features than these each is numbered."""
GOLDEN = 0.61803398875
"""Steps of this much around the circle of hues keep clusters of neighbouring numbers apart."""


@dataclass(frozen=True)
class Map:
    """What is drawn: the points, the part of the map, names of clusters by number, and what colours stand for."""

    points: Points
    part: Part
    names: Sequence[str]
    by_contrast: bool = False


def draw(map_: Map, style: Style) -> bytes:
    """The part of the map; the many points are a picture, the names are text."""
    axes = new_axes(style, margins=(1, 1, 1, 1))
    part, points = map_.part, map_.points
    axes.grid(visible=False)
    axes.set_frame_on(False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlim(part.x - part.reach, part.x + part.reach)
    axes.set_ylim(part.y - part.reach, part.y + part.reach)
    inside = np.flatnonzero(points.inside(part))
    order = inside[np.argsort(points.called[inside], kind="stable")] if map_.by_contrast else inside
    axes.scatter(
        points.x[order],
        points.y[order],
        s=_size(len(inside), style),
        c=_colours(map_, order, style),
        linewidths=0,
        rasterized=len(inside) > NUMBERED,
    )
    _name(axes, map_, inside, style)
    return chart_svg_file(axes, "Map of features")


def _size(points: int, style: Style) -> float:
    """Points large enough to see where they are few."""
    return float(np.clip(24_000 / max(points, 1), 2.5, 40)) * (0.6 if style.narrow else 1)


def _colours(map_: Map, order: NDArray[np.int64], style: Style) -> NDArray[np.float64]:
    from matplotlib.colors import hsv_to_rgb, to_rgba

    if map_.by_contrast:
        called = map_.points.called[order]
        return np.where(called[:, None], to_rgba(style.theme.warm), to_rgba(style.theme.muted, 0.35))
    hue = (map_.points.cluster[order] * GOLDEN) % 1
    dark = style.theme.colormap == "viridis"
    shade = np.full(len(hue), 0.9 if dark else 0.66)
    rgb = hsv_to_rgb(np.stack([hue, np.full(len(hue), 0.55 if dark else 0.85), shade], axis=1))
    return np.concatenate([rgb, np.full((len(hue), 1), 0.75)], axis=1)


def _name(axes: object, map_: Map, inside: NDArray[np.int64], style: Style) -> None:
    """Names where most of a cluster lies, the larger clusters first; where features are few, each one's number."""
    points = map_.points
    if len(inside) <= NUMBERED:
        places = np.column_stack([points.x[inside], points.y[inside]])
        texts = [f"#{feature}" for feature in points.feature[inside]]
        quiet = True
    else:
        held = np.bincount(points.cluster[inside], minlength=len(map_.names))
        shown = np.argsort(-held, kind="stable")[: NAMED_NARROW if style.narrow else NAMED]
        shown = shown[held[shown] > 0]
        of = [inside[points.cluster[inside] == cluster] for cluster in shown]
        places = np.array([[np.median(points.x[each]), np.median(points.y[each])] for each in of]).reshape(-1, 2)
        texts = [shorten_text(map_.names[cluster], 14 if style.narrow else 22) for cluster in shown]
        quiet = False
    for found in place_labels(in_pixels(axes, places), texts, plot_rectangle(axes)):
        x, y = places[found.point]
        ink = style.theme.muted if quiet else style.theme.ink
        written = write_chart_text(
            axes, x, y, texts[found.point], xytext=(found.dx * 0.75, found.dy * 0.75), ha=found.align
        )
        written.set(va="center", color=ink, fontsize=TEXT * 0.94, fontweight="normal" if quiet else "bold", zorder=5)


def alt_text(map_: Map) -> str:
    """What the map shows, in words and numbers."""
    points = map_.points
    inside = points.inside(map_.part)
    clusters, counts = np.unique(points.cluster[inside], return_counts=True)
    if not len(clusters):
        return "An empty part of the map."
    order = np.argsort(-counts, kind="stable")[:5]
    largest = ", ".join(f"{map_.names[clusters[n]]} ({counts[n]:,})" for n in order)
    said = f"Map of {int(inside.sum()):,} features in {len(clusters):,} clusters, neighbours near each other. "
    said += f"Most features here are of: {largest}."
    if map_.by_contrast:
        said += f" Marked are the {int(points.called[inside].sum()):,} that the contrast calls."
    return said
