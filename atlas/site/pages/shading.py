"""A text in pieces, each shaded by the number of its token: what pages colour.

A character that is split over several tokens is one piece with all their
numbers; the text itself is never cut inside a character, reordered or repeated.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from typing import Any

from markupsafe import Markup, escape

from atlas.site.pages.figures import figure, signed, visible_in_page

LEVELS = 10
LINE_END = "⏎"
TOKEN = Markup('<bdi class="token">{}</bdi>')
NUMBER = Markup("{} {}")
PIECE = Markup('<mark class="{}{}{}" title="{}">{}</mark>')
BAR = Markup(
    '<svg class="span" viewBox="{}" preserveAspectRatio="none" aria-hidden="true">'
    '<rect class="{}" x="{:.1f}" width="{:.1f}" height="10"/>{}</svg>'
)
ZERO = Markup('<line class="zero" x1="0" x2="0" y1="0" y2="10"/>')

Token = Mapping[str, Any]


@dataclass(frozen=True)
class Piece:
    """A stretch of text: its shade from 0 (none) to ±LEVELS, the numbers behind it, whether it is the one shown off."""

    text: str
    level: int = 0
    title: str = ""
    peak: bool = False


def shaded_by_activation(text: str, tokens: Sequence[Token], scale: float, peak: int | None = None) -> list[Piece]:
    """Pieces by activation; `tokens` have char_start, char_end, position and activation."""
    return _pieces(text, tokens, lambda token: float(token["activation"]), scale, peak)


def shaded_by_value(text: str, tokens: Sequence[Token], scale: float) -> list[Piece]:
    """Pieces by Shapley value, of either sign."""
    return _pieces(text, tokens, lambda token: float(token["value"]), scale, None)


def shade_level(value: float, scale: float) -> int:
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
    level = shade_level(max(numbers, key=abs), scale)
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


def token_markup(text: str | None) -> Markup:
    """A token, apart from the direction of the text around it; a dash where it is not known."""
    return TOKEN.format("–" if text is None else visible_in_page(text))


def shaded_markup(pieces: Iterable[Piece]) -> Markup:
    """A shaded text."""
    return Markup("").join(_mark(piece) if piece.level else escape(piece.text) for piece in pieces)


def _mark(piece: Piece) -> Markup:
    """A piece on its shade of the warm (`w`) or cool (`c`) scale.

    Spaces before the word stay outside: at the end of a line they would be a stub of colour.
    """
    word = piece.text.lstrip(" ") or piece.text
    scale = "w" if piece.level > 0 else "c"
    mark = PIECE.format(scale, abs(piece.level), " peak" * piece.peak, piece.title, word)
    return escape(piece.text[: len(piece.text) - len(word)]) + mark


def bar_markup(value: float, scale: float, signed: bool = False) -> Markup:
    """A bar as wide as the value on a scale; with `signed`, to either side of a zero in the middle."""
    width = 100 * abs(value) / scale if scale else 0.0
    side = "up" if value >= 0 else "down"
    if not signed:
        return BAR.format("0 0 100 10", side, 0, width, "")
    return BAR.format("-100 0 200 10", side, min(0.0, width if value >= 0 else -width), width, ZERO)


def numbered_tokens(tokens: Iterable[Mapping[str, Any]], most: int) -> Markup:
    """The strongest tokens with their activations, in the order of the text."""
    strongest = sorted(tokens, key=lambda one: (-one["activation"], one["position"]))[:most]
    fired = sorted((one for one in strongest if one["activation"]), key=lambda one: int(one["position"]))
    return Markup(" · ").join(NUMBER.format(token_markup(one["text"]), figure(one["activation"])) for one in fired)


FILTERS = {
    "shaded": shaded_by_activation,
    "pushed": shaded_by_value,
    "token": token_markup,
    "painted": shaded_markup,
    "bar": bar_markup,
    "numbered": numbered_tokens,
}
