"""Where labels beside points go, so that none covers another."""

from collections.abc import Sequence
from dataclasses import dataclass

GAP = 7.0
LINE = 15.0
LETTER = 7.2
"""Pixels a letter of the widest common font takes on average."""


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, y upwards."""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: "Box") -> bool:
        """Whether the two overlap."""
        return (
            self.left < other.right and other.left < self.right and self.bottom < other.top and other.bottom < self.top
        )

    def within(self, other: "Box") -> bool:
        """Whether it lies inside the other."""
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.bottom >= other.bottom
            and self.top <= other.top
        )


@dataclass(frozen=True)
class Placed:
    """A label that found room: which point, its offset from it, and the side of the text at that place."""

    point: int
    dx: float
    dy: float
    align: str


Point = tuple[float, float]


def place_labels(
    points: Sequence[Point], texts: Sequence[str], page: Box, others: Sequence[Point] = ()
) -> list[Placed]:
    """Put each label right, left, above or below its point; leave out what finds no room, the later ones first.

    `others` are points without a label that none may cover either.
    """
    taken = [Box(x - 4, y - 4, x + 4, y + 4) for x, y in (*points, *others)]
    found = []
    for number, ((x, y), text) in enumerate(zip(points, texts, strict=True)):
        width = LETTER * len(text)
        for dx, dy, align in _sides():
            left = x + dx - (width if align == "right" else width / 2 if align == "center" else 0.0)
            box = Box(left, y + dy - LINE / 2, left + width, y + dy + LINE / 2)
            if box.within(page) and not any(box.meets(other) for other in taken):
                taken.append(box)
                found.append(Placed(number, dx, dy, align))
                break
    return found


def _sides() -> tuple[tuple[float, float, str], ...]:
    """Offsets tried in turn: beside the point first, where a label reads as its own."""
    return (
        (GAP, 0.0, "left"),
        (-GAP, 0.0, "right"),
        (GAP, LINE * 0.7, "left"),
        (GAP, -LINE * 0.7, "left"),
        (-GAP, LINE * 0.7, "right"),
        (-GAP, -LINE * 0.7, "right"),
        (0.0, LINE, "center"),
        (0.0, -LINE, "center"),
    )
