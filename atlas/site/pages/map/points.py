"""The features of a clustering as points of a map, and the part of the map that an address asks for."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atlas.site.pages.cache import Cache, cached
from atlas.site.pages.page import PageError
from atlas.site.pages.rows import Row, rows

if TYPE_CHECKING:
    from datasette.app import Datasette

DEEPEST = 7
MARGIN = 1.04
"""The whole map reaches a little beyond its outermost point, which lies at 1."""
SIDE = 4
"""A part is divided into so many columns and rows, each a link further in."""
PLACE = re.compile(r"(-?\d(?:\.\d{1,4})?),(-?\d(?:\.\d{1,4})?)")
READ: Cache["Points"] = Cache(8)


@dataclass(frozen=True)
class Points:
    """The features of a clustering, by index.

    Shapes: all arrays (features,).
    """

    feature: NDArray[np.int64]
    cluster: NDArray[np.int64]
    silhouette: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    called: NDArray[np.bool_]

    def inside(self, part: "Part") -> NDArray[np.bool_]:
        """Which of them lie in a part of the map."""
        inside: NDArray[np.bool_] = (np.abs(self.x - part.x) <= part.reach) & (np.abs(self.y - part.y) <= part.reach)
        return inside


@dataclass(frozen=True)
class Part:
    """A square of the map: its middle, and how often it was halved."""

    x: float = 0.0
    y: float = 0.0
    zoom: int = 0

    @property
    def reach(self) -> float:
        """From the middle to an edge."""
        return MARGIN * 0.5**self.zoom

    @property
    def query(self) -> dict[str, str]:
        """The same in an address; nothing for the whole map."""
        return {"at": f"{self.x:.4g},{self.y:.4g}", "zoom": str(self.zoom)} if self.zoom else {}

    def around(self, x: float, y: float, zoom: int) -> "Part":
        """Another square, moved so that it lies on the map."""
        zoom = max(0, min(zoom, DEEPEST))
        furthest = MARGIN - MARGIN * 0.5**zoom
        across, up = (round(max(-furthest, min(furthest, middle)), 4) for middle in (x, y))
        return Part(across, up, zoom)

    def moved(self, right: int, up: int) -> "Part":
        """The square beside it."""
        return self.around(self.x + right * self.reach, self.y + up * self.reach, self.zoom)

    def divided(self) -> list[list["Part"]]:
        """The squares further in, row by row from the top."""
        steps = [(2 * (number + 0.5) / SIDE - 1) * self.reach for number in range(SIDE)]
        return [[self.around(self.x + x, self.y + y, self.zoom + 1) for x in steps] for y in reversed(steps)]

    def holding(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> "Part":
        """The smallest square around most of some points."""
        low, high = np.quantile(np.stack([x, y]), [0.02, 0.98], axis=1)
        needed = max(float((high - low).max()) * 0.6, MARGIN / 2**DEEPEST)
        middle = (low + high) / 2
        return self.around(float(middle[0]), float(middle[1]), math.floor(math.log2(MARGIN / needed)))


def part_of_map_asked(query: Mapping[str, str]) -> Part:
    """The part of the map that an address asks for: at=X,Y and zoom=N, 0 being the whole.

    Raises:
        PageError: they are no place.
    """
    zoom, at = query.get("zoom", "0"), PLACE.fullmatch(query.get("at", "0,0"))
    if not (zoom.isascii() and zoom.isdecimal() and len(zoom) == 1 and int(zoom) <= DEEPEST and at):
        raise PageError(f"a part of the map is asked for by at=X,Y and zoom=N, with N from 0 to {DEEPEST}", 400)
    return Part().around(float(at[1]), float(at[2]), int(zoom))


async def read_points(datasette: "Datasette", clustering: int, contrast: int | None) -> Points:
    """Every feature that has a place on the map of a clustering, and whether a contrast calls it."""

    async def read() -> Points:
        return _gathered(await rows(datasette, "map/points", clustering=clustering, contrast=contrast))

    return await cached(READ, datasette, (clustering, contrast), read)


def _gathered(found: Sequence[Row]) -> Points:
    def column(name: str, type_: type) -> NDArray:  # type: ignore[type-arg]
        return np.array([point[name] for point in found], dtype=type_)

    return Points(
        column("feature", np.int64),
        column("cluster", np.int64),
        column("silhouette", np.float64),
        column("x", np.float64),
        column("y", np.float64),
        column("called", bool),
    )
