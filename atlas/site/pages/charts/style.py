"""How charts look: two themes, two widths, and nothing that depends on the machine."""

from dataclasses import dataclass


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
