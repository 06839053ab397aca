"""A feature of an association, a document a point: its activation against the number, or in each class."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atlas.site.pages.association.chosen import Association, chosen_association
from atlas.site.pages.charts.canvas import SMALL, Style, chart_svg_file, name_axes, new_axes, shorten_text
from atlas.site.pages.charts.chart import Chart
from atlas.site.pages.page import Asked, PageError
from atlas.site.pages.rows import page_rows_of_activations

if TYPE_CHECKING:
    from datasette.app import Datasette

MOST = 4_000
"""Documents drawn; of more, so many by hash."""
NAMED = 6
"""More classes than so many are numbered, in the order in which the page lists them."""
SPREAD = 0.6
"""Part of its column that a class's points are spread over."""


@dataclass(frozen=True)
class Scores:
    """What a feature gives on the documents of an association.

    Shapes: label, score, judged (document,), where label is a number or the place of a class, judged whether it is of
    the confirmation half.
    """

    feature: int
    field: str | None
    classes: Sequence[str]
    label: NDArray[np.float64]
    score: NDArray[np.float64]
    judged: NDArray[np.bool_]

    def by_class(self) -> Iterator[tuple[str, NDArray[np.float64]]]:
        """The scores of each class."""
        for place, name in enumerate(self.classes):
            yield name, self.score[self.label == place]


def alt_text(scores: Scores) -> str:
    """What the chart shows, in words and numbers."""
    fires = scores.score > 0
    said = f"feature {scores.feature} fires in {int(fires.sum()):,} of {len(fires):,} documents"
    if not scores.classes:
        means = [scores.label[inside].mean() if inside.any() else None for inside in (fires, ~fires)]
        sides = zip(("where it fires", "where it is silent"), means, strict=True)
        told = ", ".join(f"{mean:.4g} {where}" for where, mean in sides if mean is not None)
        return f"Scatter of {scores.field} across against activation up: {said}. Mean {scores.field}: {told}."
    told = "; ".join(f"{name} {_share(score)}, median {np.median(score):.3g}" for name, score in _held(scores))
    return f"Boxes of activation in each class: {said}. Fires in: {told}."


def draw(scores: Scores, style: Style) -> bytes:
    """The points, those of the half that judges in the accent's colour; boxes over them where there are classes."""
    axes = new_axes(style)
    across = _columns(scores) if scores.classes else scores.label
    for inside, colour in ((~scores.judged, style.theme.muted), (scores.judged, style.theme.accent)):
        axes.scatter(
            across[inside], scores.score[inside], s=8, color=colour, alpha=0.5, linewidths=0, rasterized=True, zorder=2
        )
    if scores.classes:
        _boxes(axes, scores, style)
    axes.set_ylim(bottom=-0.03 * max(float(scores.score.max(initial=0)), 1e-9))
    name_axes(axes, style, "class" if scores.classes else str(scores.field), "strongest activation")
    return chart_svg_file(axes, f"Feature {scores.feature}: activation by {scores.field or 'class'}")


def _columns(scores: Scores) -> NDArray[np.float64]:
    """Where the points stand: spread evenly over the column of their class, in an order that means nothing."""
    across = scores.label.copy()
    for place in range(len(scores.classes)):
        inside = scores.label == place
        across[inside] += SPREAD * (np.arange(inside.sum()) / max(1, inside.sum() - 1) - 0.5)
    return across


def _boxes(axes: Any, scores: Scores, style: Style) -> None:
    """Quartiles and median of each class, whiskers to its 5th and 95th percentile."""
    line = {"color": style.theme.ink, "linewidth": 1.0}
    axes.boxplot(
        [score for _, score in scores.by_class()],
        positions=range(len(scores.classes)),
        widths=SPREAD,
        whis=(5, 95),
        showfliers=False,
        manage_ticks=False,
        boxprops=line,
        whiskerprops=line,
        capprops=line,
        medianprops={"color": style.theme.warm, "linewidth": 2.0},
    )
    few = len(scores.classes) <= NAMED
    longest = 48 // len(scores.classes)
    names = [shorten_text(name.partition("=")[2] or name, longest) if few else str(n) for n, name in _numbered(scores)]
    axes.set_xticks(range(len(scores.classes)), names, parse_math=False)
    axes.set_xlim(-0.6, len(scores.classes) - 0.4)


def _numbered(scores: Scores) -> Iterator[tuple[int, str]]:
    return enumerate(scores.classes, start=1)


def _held(scores: Scores) -> list[tuple[str, NDArray[np.float64]]]:
    return [(name, score) for name, score in scores.by_class() if len(score)]


def _share(score: NDArray[np.float64]) -> str:
    return f"{int((score > 0).sum()):,} of {len(score):,}"


async def read(datasette: "Datasette", association: Association, feature: int) -> Scores | None:
    """The scores of a feature; None where the snapshot has no database of activations, or it does not answer."""
    row = association.row
    values = {**association.keys, "feature": feature, "unit": row["unit"], "limit": MOST}
    found = await page_rows_of_activations(datasette, "association/scores", **values)
    if not found:
        return None
    label = [one["class"] if association.of_classes else one["value"] for one in found]
    return Scores(
        feature=feature,
        field=row["field"],
        classes=association.sets if association.of_classes else (),
        label=np.array(label, dtype=float),
        score=np.array([one["score"] for one in found], dtype=float),
        judged=np.array([one["split"] == "confirmation" for one in found], dtype=bool),
    )


async def _asked(asked: Asked) -> Scores:
    feature = asked.query.get("feature", "")
    found = None
    if feature.isascii() and feature.isdigit() and len(feature) < 10:
        found = await read(asked.datasette, await chosen_association(asked), int(feature))
    if found is None:
        raise PageError("this chart is of a feature, as in ?feature=7, and of a site that has every activation")
    return found


CHART = Chart(_asked, draw, wide=SMALL, narrow=SMALL, chosen_by=("sae", "feature"))
