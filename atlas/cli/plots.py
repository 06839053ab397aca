"""`atlas explain plot`, stored explanations drawn by shap; and attention patterns as pictures, a square a head.

PNG for any kind, HTML for texts.
"""

import math
import warnings
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from atlas.cli.options import atlas_file
from schema.errors import SelectionError

if TYPE_CHECKING:
    from ingest.attribution.shap_library import Stored

Kind = Literal["text", "bar", "waterfall", "beeswarm"]
SHOWN = 20


@click.command("plot")
@atlas_file
@click.argument("explanations", type=int, nargs=-1, required=True, metavar="EXPLANATION...")
@click.option("-o", "output", type=click.Path(path_type=Path), required=True, help="File to write: .png or .html.")
@click.option(
    "--kind",
    type=click.Choice(["text", "bar", "waterfall", "beeswarm"]),
    help="shap's plot.  [default: text into .html, waterfall into .png, beeswarm for several]",
)
def plot(atlas: Path, explanations: tuple[int, ...], output: Path, kind: Kind | None) -> None:
    """Draw stored explanations with shap, into a PNG or HTML file."""
    from atlas.cli.printed_rows import check_output
    from ingest.attribution.shap_library import read_shap_explanation
    from schema import open_atlas

    check_output(output, {"atlas": atlas})
    chosen = kind or ("text" if output.suffix.lower() == ".html" else "beeswarm" if explanations[1:] else "waterfall")
    with open_atlas(atlas, read_only=True) as opened:
        several = [read_shap_explanation(opened, number) for number in explanations]
    draw(several, chosen, output)
    click.echo(f"{output}: {chosen} plot of {len(several)} explanation{'s' * (len(several) > 1)}")


def draw(several: "Sequence[Stored]", kind: Kind, output: Path) -> None:
    """Draw explanations into a .png or .html file.

    Raises:
        SelectionError: the kind, the number of explanations and the file's ending do not go together.
    """
    if (output.suffix.lower() == ".html") != (kind == "text"):
        raise SelectionError(f"{output}: a text plot is .html, every other kind .png")
    if output.suffix.lower() not in (".html", ".png"):
        raise SelectionError(f"{output}: name a .png or an .html file")
    if len(several) > 1 and kind in ("waterfall", "text"):
        raise SelectionError(f"a {kind} plot shows one explanation, not {len(several)}; use bar or beeswarm")
    if kind == "text" and several[0].question == "logit":
        raise SelectionError("a text plot shows tokens; for features use bar or waterfall, into a .png")
    try:
        if kind == "text":
            output.write_text(_page(several[0]), encoding="utf-8")
        else:
            _save_figure(several, kind, output)
    except OSError as error:
        raise SelectionError(f"{output} cannot be written: {error.strerror}") from error


def _page(stored: "Stored") -> str:
    from ingest.attribution.shap_library import load_shap, shap_explanation

    shap = load_shap()
    body = shap.plots.text(shap_explanation(stored), display=False)
    head = f"<title>{escape(stored.title)}</title>{shap.getjs()}" if hasattr(shap, "getjs") else ""
    return f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">{head}</head><body>{body}</body></html>\n'


def _save_figure(several: "Sequence[Stored]", kind: Kind, output: Path) -> None:
    import matplotlib as mpl

    from ingest.attribution.shap_library import load_shap, shap_explanation, shap_explanations

    shap = load_shap()

    mpl.use("Agg")
    from matplotlib import pyplot

    drawn: Any = (
        shap_explanation(several[0]) if len(several) == 1 and kind != "beeswarm" else shap_explanations(several)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        {"bar": shap.plots.bar, "waterfall": shap.plots.waterfall, "beeswarm": shap.plots.beeswarm}[kind](
            drawn, max_display=SHOWN, show=False
        )
        figure = pyplot.gcf()
        figure.axes[0].set_title(several[0].title if len(several) == 1 else f"{len(several)} explanations")
        figure.savefig(output, bbox_inches="tight", dpi=150)
    pyplot.close(figure)


if TYPE_CHECKING:
    from ingest.circuits.attention.patterns import HeadPatterns

COLUMNS = 4
INCHES_A_TOKEN = 0.22
SQUARE = 1.6
"""Least side of a square in inches."""


def draw_patterns(patterns: "HeadPatterns", output: Path) -> None:
    """Write a PNG or SVG file: rows are tokens that look, columns tokens that are looked at."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(patterns.heads))
    rows = math.ceil(len(patterns.heads) / columns)
    side = max(SQUARE, INCHES_A_TOKEN * len(patterns.tokens)) + 1
    figure = Figure(figsize=(side * columns, side * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for axes in figure.subplots(rows, columns, squeeze=False).flat[len(patterns.heads) :]:
        axes.set_visible(False)
    places = range(len(patterns.tokens))
    labels = [token.replace("\n", "↵").replace("$", r"\$") for token in patterns.tokens]
    for axes, head, weights in zip(figure.axes, patterns.heads, patterns.weights, strict=False):
        axes.imshow(weights, cmap="Blues", vmin=0, vmax=1)
        axes.set_title(f"block {patterns.layer}, head {head}", fontsize=9)
        axes.set_xticks(places, labels, rotation=90, fontsize=7)
        axes.set_yticks(places, labels, fontsize=7)
    figure.savefig(output, dpi=120)
