"""A text in pieces, each shaded by the number of its token: what pages colour.

A character that is split over several tokens is one piece with all their
numbers; the text itself is never cut inside a character, reordered or repeated.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from typing import Any

from atlas.site.pages.figures import figure, signed

LEVELS = 10
LINE_END = "⏎"
NUL_SHOWN = "␀"

Token = Mapping[str, Any]


@dataclass(frozen=True)
class Piece:
    """A stretch of text: its shade from 0 (none) to ±LEVELS, the numbers behind it, whether it is the one shown off."""

    text: str
    level: int = 0
    title: str = ""
    peak: bool = False


def shaded(text: str, tokens: Sequence[Token], scale: float, peak: int | None = None) -> list[Piece]:
    """Pieces by activation; `tokens` have char_start, char_end, position and activation."""
    return _pieces(text, tokens, lambda token: float(token["activation"]), scale, peak)


def pushed(text: str, tokens: Sequence[Token], scale: float) -> list[Piece]:
    """Pieces by Shapley value, of either sign."""
    return _pieces(text, tokens, lambda token: float(token["value"]), scale, None)


def level_of(value: float, scale: float) -> int:
    """A shade: 0 only for 0, ±LEVELS at the scale's end."""
    if not value or scale <= 0:
        return 0
    shade = min(LEVELS, max(1, ceil(LEVELS * abs(value) / scale)))
    return shade if value > 0 else -shade


def _pieces(
    text: str, tokens: Sequence[Token], number: Callable[[Token], float], scale: float, peak: int | None
) -> list[Piece]:
    found, reached = [], 0
    for members in _together(tokens):
        start, end = max(reached, members[0]["char_start"]), max(token["char_end"] for token in members)
        if start > reached:
            found.append(Piece(text[reached:start]))
        found.append(_piece(text[start:end], members, [number(token) for token in members], scale, peak))
        reached = end
    found.append(Piece(text[reached:]))
    return _joined(found)


def _together(tokens: Iterable[Token]) -> Iterable[list[Token]]:
    """Tokens in groups that share no character."""
    group: list[Token] = []
    reached = 0
    for token in tokens:
        if group and token["char_start"] >= reached:
            yield group
            group = []
        group.append(token)
        reached = max(reached, token["char_end"])
    if group:
        yield group


def _piece(text: str, members: Sequence[Token], numbers: Sequence[float], scale: float, peak: int | None) -> Piece:
    level = level_of(max(numbers, key=abs), scale)
    if not level:
        return Piece(text)
    shown = [
        signed(value) if "value" in token else figure(value) for token, value in zip(members, numbers, strict=True)
    ]
    places = "–".join(dict.fromkeys(str(token["position"]) for token in (members[0], members[-1])))
    title = f"token {places}: {', '.join(shown)}"
    return Piece(text.replace("\n", f"{LINE_END}\n"), level, title, any(t["position"] == peak for t in members))


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Neighbours without a shade as one piece; empty ones left out."""
    found: list[Piece] = []
    for plain, group in groupby(pieces, key=lambda piece: not piece.level):
        members = list(group)
        found += [Piece("".join(piece.text for piece in members))] if plain else members
    return [piece for piece in found if piece.text]


FILTERS = {"shaded": shaded, "pushed": pushed}
