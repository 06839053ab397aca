"""Small pieces of HTML that a page has by the hundred: made here, since a template's macros cost ten times as much."""

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup, escape

from atlas.site.pages.figures import figure, visible
from atlas.site.pages.shading import Piece

TOKEN = Markup('<bdi class="token">{}</bdi>')
NUMBER = Markup("{} {}")
PIECE = Markup('<mark class="{}{}{}" title="{}">{}</mark>')
BAR = Markup(
    '<svg class="span" viewBox="{}" preserveAspectRatio="none" aria-hidden="true">'
    '<rect class="{}" x="{:.1f}" width="{:.1f}" height="10"/>{}</svg>'
)
ZERO = Markup('<line class="zero" x1="0" x2="0" y1="0" y2="10"/>')


def token(text: str | None) -> Markup:
    """A token, apart from the direction of the text around it; a dash where it is not known."""
    return TOKEN.format("–" if text is None else visible(text))


def painted(pieces: Iterable[Piece]) -> Markup:
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


def bar(value: float, scale: float, signed: bool = False) -> Markup:
    """A bar as wide as the value on a scale; with `signed`, to either side of a zero in the middle."""
    width = 100 * abs(value) / scale if scale else 0.0
    side = "up" if value >= 0 else "down"
    if not signed:
        return BAR.format("0 0 100 10", side, 0, width, "")
    return BAR.format("-100 0 200 10", side, min(0.0, width if value >= 0 else -width), width, ZERO)


def numbered(tokens: Iterable[Mapping[str, Any]], most: int) -> Markup:
    """The strongest tokens with their activations, in the order of the text."""
    strongest = sorted(tokens, key=lambda one: (-one["activation"], one["position"]))[:most]
    fired = sorted((one for one in strongest if one["activation"]), key=lambda one: int(one["position"]))
    return Markup(" · ").join(NUMBER.format(token(one["text"]), figure(one["activation"])) for one in fired)


FILTERS = {"token": token, "painted": painted, "bar": bar, "numbered": numbered}
