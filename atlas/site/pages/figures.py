"""Numbers as people read them: filters of the pages' templates."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

DIGITS = 4
MINUS = "−"
CONTROLS = {code: chr(0x2400 + code) for code in range(32) if chr(code) != "\t"} | {ord("\n"): "⏎", 127: "␡"}
"""Control characters as the pictures that Unicode has of them; HTML has no way to write most."""


def figure(value: float | None) -> str:
    """Four digits; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.{DIGITS}g}" if abs(value) < 10**DIGITS else f"{value:,.0f}"


def signed(value: float | None) -> str:
    """Three digits with a sign, for what raises and lowers."""
    if value is None:
        return "–"
    return f"{value:+.3g}".replace("-", MINUS) if value else "0"


def rough(value: float | None) -> str:
    """Two digits, for errors."""
    return "–" if value is None else f"{value:.2g}"


def count(value: int | None) -> str:
    """With thousands set apart."""
    return "–" if value is None else f"{value:,}"


def percent(value: float | None) -> str:
    """A share of one, in percent."""
    return "–" if value is None else f"{100 * value:.3g} %"


def decimals(value: float | None) -> str:
    """Three decimals, for what lies between 0 and 1 and is compared down a column."""
    return "–" if value is None else f"{value:.3f}"


def small(value: float | None) -> str:
    """Two digits, for p and q."""
    return "–" if value is None else f"{value:.2g}"


def visible_in_page(token: str) -> str:
    """A token in which nothing but space, every line end and every control character can be seen."""
    shown = token.translate(CONTROLS)
    return shown.replace(" ", "␣").replace("\t", "⇥") if not token.strip() else shown


def largest_figure_on_page(rows: Iterable[Mapping[str, Any]], name: str) -> float:
    """The largest size of a number that each row has; 0 without rows."""
    return max((abs(float(row[name])) for row in rows), default=0.0)


FILTERS: dict[str, Callable[..., Any]] = {
    "figure": figure,
    "signed": signed,
    "rough": rough,
    "counted": count,
    "percent": percent,
    "decimals": decimals,
    "small": small,
    "visible": visible_in_page,
    "largest": largest_figure_on_page,
}
