"""An empty chart, and how one becomes SVG: text as text, no date, the same bytes for the same numbers.

matplotlib is loaded by the first chart, not by the page that says in words what the chart shows; it keeps
settings of its own for the whole process, so charts are drawn one at a time.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas.site.pages.charts.labels import Box

PIXEL = 1 / 96
"""A CSS pixel in inches, as browsers have it."""
RASTER_DPI = 110
"""Dots an inch of what is drawn as a picture inside the SVG: sharp enough, and under 300 kB for 24,576 points."""
TEXT = 12.5 * 0.75
"""Size of text in points: 12.5 CSS pixels."""
LARGEST_LABEL = 24

PARAMETERS = {"svg.fonttype": "none", "svg.hashsalt": "feature-atlas", "svg.image_inline": True, "path.simplify": True}
MATPLOTLIB_CSS = '<style type="text/css">*{'
PAGE_FONT = '<style type="text/css">text{font-family:system-ui,sans-serif!important}*{'
"""The page's own font in place of the one that matplotlib measured, which is wider: nothing comes to overlap."""

Margins = tuple[int, int, int, int]


@dataclass(frozen=True)
class Theme:
    """Colours of a chart on a page's own background, which shows through; the same as the stylesheet's."""

    ink: str
    muted: str
    line: str
    accent: str
    warm: str
    failed: str
    colormap: str


LIGHT = Theme("#16212c", "#51606f", "#d7dee6", "#1f6290", "#b35f00", "#b3261e", "viridis_r")
DARK = Theme("#eef3f8", "#a5b3c1", "#2f3b47", "#7cc0ef", "#f0a03c", "#ff8a80", "viridis")
THEMES = {"light": LIGHT, "dark": DARK}


@dataclass(frozen=True)
class Size:
    """A chart's width and height in CSS pixels."""

    width: int
    height: int


WIDE = Size(720, 430)
NARROW = Size(360, 340)
SMALL = Size(360, 270)
"""Narrow charts are drawn anew, not shrunk: their text stays as large as the page's."""


@dataclass(frozen=True)
class Style:
    """What a chart is drawn in, as its address says."""

    theme: Theme = LIGHT
    size: Size = WIDE

    @property
    def narrow(self) -> bool:
        """Whether it is for a phone, where fewer labels fit."""
        return self.size.width < 500


def new_axes(style: Style, margins: Margins = (58, 16, 48, 16)) -> Any:
    """Axes on a transparent figure; `margins` are left, right, bottom, top in pixels."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    width, height = style.size.width, style.size.height
    figure = Figure(figsize=(width * PIXEL, height * PIXEL), dpi=RASTER_DPI, facecolor="none")
    FigureCanvasSVG(figure)
    left, right, bottom, top = margins
    box = (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
    axes = figure.add_axes(box, facecolor="none")
    dress_axes(axes, style)
    return axes


def dress_axes(axes: Any, style: Style) -> None:
    """Axes in the theme: two spines, faint grid, quiet ticks."""
    theme = style.theme
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.muted)
        spine.set_linewidth(0.7)
    axes.tick_params(colors=theme.muted, labelsize=TEXT * 0.94, width=0.7, length=3, labelcolor=theme.muted)
    axes.tick_params(which="minor", length=0)
    axes.grid(True, color=theme.line, linewidth=0.7)
    axes.set_axisbelow(True)


def name_axes(axes: Any, style: Style, x: str, y: str) -> None:
    """Say what the axes are, in the page's words."""
    for text, name in ((axes.xaxis.label, x), (axes.yaxis.label, y)):
        text.set(text=plain_text(name), color=style.theme.ink, fontsize=TEXT, parse_math=False)


def write_chart_text(axes: Any, x: float, y: float, text: str, **options: Any) -> Any:
    """A text at a place, never read as mathematics, never over two lines."""
    written = {"fontsize": TEXT, "parse_math": False, **options}
    return axes.annotate(plain_text(text), (x, y), textcoords="offset points", **written)


def in_pixels(axes: Any, points: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Where points of the chart lie, in CSS pixels.

    Shapes: points (n, 2).
    """
    if not len(points):
        return []
    return [(float(x), float(y)) for x, y in axes.transData.transform(points) * (96 / RASTER_DPI)]


def plot_rectangle(axes: Any) -> Box:
    """The rectangle inside the axes, in CSS pixels."""
    return Box(*(float(edge) * 96 / RASTER_DPI for edge in axes.get_window_extent().extents))


def chart_svg_file(axes: Any, title: str) -> bytes:
    """The chart as an SVG file."""
    import matplotlib as mpl

    buffer = io.BytesIO()
    with mpl.rc_context(PARAMETERS):
        metadata = {"Title": plain_text(title), "Date": None, "Creator": None}
        axes.figure.savefig(buffer, format="svg", transparent=True, dpi=RASTER_DPI, metadata=metadata)
    return buffer.getvalue().decode().replace(MATPLOTLIB_CSS, PAGE_FONT, 1).encode()


def plain_text(text: str) -> str:
    """A text that a chart can hold: one line, every character one that it can measure and XML can say."""
    known = _known_characters()
    return "".join(_shown(character, known) for character in text)


def shorten_text(text: str, longest: int = LARGEST_LABEL) -> str:
    """A text cut to what fits beside a point."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _shown(character: str, known: Mapping[int, object]) -> str:
    if character in "\n\r":
        return "↵"
    if character == "\t":
        return "→"
    return character if ord(character) in known and character.isprintable() else "□"


@cache
def _known_characters() -> Mapping[int, object]:
    """What the measuring font has; another character would be warned of at every drawing."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    charmap: Mapping[int, object] = get_font(findfont(FontProperties())).get_charmap()
    return charmap
