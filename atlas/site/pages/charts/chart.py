"""Charts under addresses of their own: read, drawn in a thread, kept while their snapshot is served.

/chart/contrast/medical/means.svg?sae=pocket/blocks.3.hook_resid_pre&theme=dark&width=narrow
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from datasette.utils.asgi import Response

from atlas.site.pages.cache import Cache, snapshot_of_cached_page
from atlas.site.pages.charts.canvas import LIGHT, NARROW, THEMES, WIDE, Size, Style
from atlas.site.pages.page import Asked, PageError, View

if TYPE_CHECKING:
    from datasette.app import Datasette

THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="charts")
"""One at a time, as matplotlib wants it; whoever asks for a chart that is being drawn waits for that drawing."""
DRAWN: Cache[bytes] = Cache(32_000_000, len)
FOR_EVER = "max-age=31536000, immutable"


@dataclass(frozen=True)
class Chart:
    """A kind of chart: where its numbers come from, what draws them, and its two sizes.

    `chosen_by` names the values of the query that choose among such charts.
    """

    read: Callable[[Asked], Awaitable[Any]]
    draw: Callable[[Any, Style], bytes]
    wide: Size = WIDE
    narrow: Size = NARROW
    chosen_by: tuple[str, ...] = ()


def chart_view(charts: Mapping[str, Chart]) -> View:
    """The view that answers with one of these charts, by the address's part `chart`."""

    async def view(asked: Asked) -> Response:
        chart = charts.get(asked.parts["chart"])
        if chart is None:
            raise PageError(f"there is no chart {asked.parts['chart']!r} here; there are: {', '.join(charts)}")
        return _answer(asked, await _drawn(asked, chart))

    return view


def chart_picture(
    datasette: "Datasette", path: str, chart: Chart, *, alt: str, caption: str, rows: str, **query: str
) -> dict[str, Any]:
    """What a page needs to show a chart: its addresses for each theme and width, what it says, the rows behind it.

    `path` is what the chart is of and its kind, encoded as in an address.
    """
    snapshot = snapshot_of_cached_page(datasette)
    version = {} if snapshot is None else {"v": snapshot[:8]}

    def address(**variant: str) -> str:
        asked = urlencode(query | variant | version, safe="/")
        return str(datasette.urls.path(f"chart/{path}.svg" + (f"?{asked}" if asked else "")))

    return {
        "alt": alt,
        "caption": caption,
        "rows": rows,
        "address": address(),
        "dark": address(theme="dark"),
        "narrow": address(width="narrow"),
        "narrow_dark": address(theme="dark", width="narrow"),
        "width": chart.wide.width,
        "height": chart.wide.height,
        "narrow_width": chart.narrow.width,
        "narrow_height": chart.narrow.height,
    }


async def _drawn(asked: Asked, chart: Chart) -> bytes:
    narrow = asked.query.get("width") == "narrow"
    theme = asked.query.get("theme", "light")
    style = Style(THEMES.get(theme, LIGHT), chart.narrow if narrow else chart.wide)
    snapshot = snapshot_of_cached_page(asked.datasette)
    which = (*sorted(asked.parts.items()), *((name, asked.query.get(name)) for name in chart.chosen_by))
    key = snapshot and (snapshot, chart, which, style)
    known = DRAWN.get(key) if key else None
    if known is not None:
        return known
    numbers = await chart.read(asked)
    return await asyncio.get_running_loop().run_in_executor(THREAD, _draw, key, chart, numbers, style)


def _draw(key: Hashable, chart: Chart, numbers: Any, style: Style) -> bytes:
    """In the thread: what another request has drawn meanwhile is not drawn again."""
    known = DRAWN.get(key) if key else None
    if known is not None:
        return known
    found = chart.draw(numbers, style)
    if key:
        DRAWN.put(key, found)
    return found


def _answer(asked: Asked, svg: bytes) -> Response:
    """The chart; an address with the snapshot in it may be kept for ever, another is asked for again."""
    tag = f'"{blake2b(svg, digest_size=8).hexdigest()}"'
    snapshot = snapshot_of_cached_page(asked.datasette)
    lasting = snapshot is not None and asked.query.get("v") == snapshot[:8]
    headers = {"ETag": tag, "Cache-Control": FOR_EVER if lasting else "no-cache", "X-Content-Type-Options": "nosniff"}
    if asked.request.headers.get("if-none-match") == tag:
        return Response("", status=304, headers=headers)
    return Response(svg.decode(), content_type="image/svg+xml; charset=utf-8", headers=headers)
