"""A graph as a chart: tokens from left to right, levels from below, the targets on top."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas.site.pages.charts.canvas import (
    TEXT,
    Size,
    Style,
    chart_svg_file,
    in_pixels,
    new_axes,
    plain_text,
    plot_rectangle,
    shorten_text,
    write_chart_text,
)
from atlas.site.pages.charts.labels import place_labels
from atlas.site.pages.figures import visible_in_page
from atlas.site.pages.rows import Row

TALL, TALL_NARROW = Size(960, 560), Size(360, 520)
NUMBERED, NUMBERED_NARROW = 40, 12
"""Features that are named by their number, those of most influence."""
DRAWN_AS_LINES = 300
"""More edges, or nodes, are a picture inside the SVG."""
MOST_EDGES = 6000
LETTERS = 9
CELL = 0.84
"""Of the room that a token and a level have."""


@dataclass(frozen=True)
class Drawn:
    """What is drawn: the graph's row, its kept nodes in their order, its edges, the strongest first."""

    graph: Row
    nodes: list[Row]
    edges: list[Row]

    @cached_property
    def last(self) -> int:
        """The level of the targets."""
        return max(int(row["level"]) for row in self.nodes)

    @property
    def targets(self) -> list[Row]:
        """The nodes that the graph leads to."""
        return [row for row in self.nodes if row["level"] == self.last]

    @property
    def names(self) -> dict[int, str]:
        """What each level is called: its hook name, tokens below, next tokens on top."""
        found = {row["level"]: row["hook_name"] for row in self.nodes if row["hook_name"]}
        found[0] = "tokens"
        return {self.last: "next token", **found}

    @cached_property
    def cells(self) -> dict[tuple[int, int], list[int]]:
        """The places of the nodes at each position and level, those of most influence first."""
        found: dict[tuple[int, int], list[int]] = defaultdict(list)
        for number in sorted(range(len(self.nodes)), key=lambda number: (-self.nodes[number]["influence"], number)):
            found[self.nodes[number]["position"], self.nodes[number]["level"]].append(number)
        return found

    @cached_property
    def edges_of_columns(self) -> NDArray[np.float64]:
        """Where the column of each token begins, and the last one ends: as wide as the nodes above it need."""
        first, end = self.graph["first_position"], self.graph["position"]
        width = np.ones(end - first + 1)
        for (position, _), members in self.cells.items():
            width[position - first] = max(width[position - first], np.sqrt(len(members)))
        return np.concatenate([[0.0], np.cumsum(width)])

    @cached_property
    def places(self) -> NDArray[np.float64]:
        """Where each node is: its token across, its level up; nodes of one token and level side by side, in rows.

        Shapes: (node, 2).
        """
        found = np.empty((len(self.nodes), 2))
        for (position, level), members in self.cells.items():
            left, right = self.edges_of_columns[position - self.graph["first_position"] :][:2]
            columns = int(np.ceil(np.sqrt(len(members))))
            row, column = np.divmod(np.arange(len(members)), columns)
            rows = row.max() + 1
            found[members, 0] = (left + right) / 2 + CELL * (right - left) * ((column + 0.5) / columns - 0.5)
            found[members, 1] = level + 0.6 * CELL * ((row + 0.5) / rows - 0.5)
        return found


def draw(drawn: Drawn, style: Style) -> bytes:
    """The graph; many nodes and edges are a picture, names are text."""
    axes = new_axes(style, margins=(12, 12, 26 if not style.narrow else 62, 12))
    axes.grid(visible=False)
    axes.set_frame_on(False)
    axes.set_yticks([])
    axes.set_xlim(-0.1, drawn.edges_of_columns[-1] + 0.1)
    axes.set_ylim(-0.55, drawn.last + 0.6)
    _name_tokens(axes, drawn, style)
    _lines(axes, drawn, style)
    _dots(axes, drawn, style)
    _numbers(axes, drawn, style)
    return chart_svg_file(axes, f"Graph {drawn.graph['graph']}")


def _name_tokens(axes: Any, drawn: Drawn, style: Style) -> None:
    """Tokens below; of many only as many as there is room for; levels at the left edge."""
    tokens, edges = drawn.graph["tokens"], drawn.edges_of_columns
    room_for = 12 if style.narrow else 16
    step = -(-len(tokens) // room_for)
    shown = range(len(tokens) - 1, -1, -step)
    texts = [shorten_text(visible_in_page(tokens[number]), LETTERS) for number in shown]
    axes.set_xticks([(edges[number] + edges[number + 1]) / 2 for number in shown])
    labels = axes.set_xticklabels([plain_text(text) for text in texts], rotation=60 if style.narrow else 0)
    for label in labels:
        label.set(color=style.theme.ink, parse_math=False, ha="right" if style.narrow else "center")
        label.set_rotation_mode("anchor")
    for level, name in drawn.names.items():
        left = axes.get_xlim()[0]
        axes.axhline(level + 0.5, color=style.theme.line, linewidth=0.7, zorder=0)
        written = write_chart_text(axes, left, level + 0.5, name, xytext=(2, -3), ha="left")
        written.set(va="top", color=style.theme.muted, fontsize=TEXT * 0.86)


def _lines(axes: Any, drawn: Drawn, style: Style) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    edges = drawn.edges[:MOST_EDGES]
    if not edges:
        return
    number = {row["node"]: place for place, row in enumerate(drawn.nodes)}
    ends = np.array([[number[edge["source"]], number[edge["target"]]] for edge in edges])
    weight = np.array([edge["weight"] for edge in edges])
    entering = np.bincount(ends[:, 1], np.abs(weight), minlength=len(number))
    share = np.abs(weight) / entering[ends[:, 1]]
    colours = np.array([to_rgba(style.theme.accent if each > 0 else style.theme.warm) for each in weight])
    colours[:, 3] = np.clip(0.12 + 0.8 * share, 0, 0.9)
    axes.add_collection(
        LineCollection(
            list(drawn.places[ends]),
            linewidths=0.4 + 2.6 * share,
            colors=colours,
            rasterized=len(edges) > DRAWN_AS_LINES,
            zorder=1,
        )
    )


def _dots(axes: Any, drawn: Drawn, style: Style) -> None:
    errors = np.array([row["kind"] == "error" for row in drawn.nodes])
    influence = np.array([row["influence"] for row in drawn.nodes])
    most = float(influence.max()) or 1.0
    crowded = len(drawn.nodes) > DRAWN_AS_LINES
    size = (8 if crowded else 14) + (20 if crowded else 90) * np.sqrt(influence / most)
    size[[row["level"] == drawn.last for row in drawn.nodes]] = 60
    for chosen, marker, colour in ((~errors, "o", style.theme.ink), (errors, "s", style.theme.muted)):
        at = drawn.places[chosen]
        axes.scatter(
            at[:, 0],
            at[:, 1],
            s=size[chosen] * (0.6 if style.narrow else 1),
            marker=marker,
            c=colour,
            linewidths=0,
            alpha=0.85,
            rasterized=crowded,
            zorder=2,
        )


def _numbers(axes: Any, drawn: Drawn, style: Style) -> None:
    """Features of most influence by their number, next tokens by their text."""
    order = sorted(range(len(drawn.nodes)), key=lambda number: -drawn.nodes[number]["influence"])
    named = [number for number, row in enumerate(drawn.nodes) if row["level"] == drawn.last]
    named += [number for number in order if drawn.nodes[number]["kind"] == "feature" and number not in named]
    named = named[: NUMBERED_NARROW if style.narrow else NUMBERED]
    texts = [_text(drawn.nodes[number]) for number in named]
    pixels = in_pixels(axes, drawn.places)
    for found in place_labels([pixels[number] for number in named], texts, plot_rectangle(axes)):
        x, y = drawn.places[named[found.point]]
        written = write_chart_text(
            axes, x, y, texts[found.point], xytext=(found.dx * 0.75, found.dy * 0.75), ha=found.align
        )
        written.set(va="center", color=style.theme.ink, fontsize=TEXT * 0.86, zorder=5)


def _text(row: Row) -> str:
    return f"#{row['feature']}" if row["feature"] is not None else shorten_text(visible_in_page(row["token"]), LETTERS)


def alt_text(drawn: Drawn) -> str:
    """What the graph shows, in words and numbers."""
    counts = {level: sum(row["level"] == level for row in drawn.nodes) for level in drawn.names}
    levels = ", ".join(f"{counts[level]:,} at {drawn.names[level]}" for level in sorted(counts) if level != drawn.last)
    before = [row for row in drawn.nodes if row["kind"] == "feature" and row["level"] < drawn.last]
    said = (
        f"Graph of {len(drawn.nodes):,} nodes and {len(drawn.edges):,} edges: {levels}, {counts[drawn.last]:,} on top."
    )
    if before:
        best = max(before, key=lambda row: row["influence"])
        said += f" Of most influence is feature {best['feature']} of {best['sae_name']}."
    return said
