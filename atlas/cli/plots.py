"""Plots of stored explanations, drawn by shap: PNG for any kind, HTML for text."""

import warnings
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, Literal

from ingest.attribution.explanations import Stored, shap_explanation, shap_explanations
from ingest.attribution.library import load_shap
from schema.errors import SelectionError

Kind = Literal["text", "bar", "waterfall", "beeswarm"]
SHOWN = 20


def draw(several: Sequence[Stored], kind: Kind, output: Path) -> None:
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


def _page(stored: Stored) -> str:
    shap = load_shap()
    body = shap.plots.text(shap_explanation(stored), display=False)
    head = f"<title>{escape(stored.title)}</title>{shap.getjs()}" if hasattr(shap, "getjs") else ""
    return f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">{head}</head><body>{body}</body></html>\n'


def _save_figure(several: Sequence[Stored], kind: Kind, output: Path) -> None:
    shap = load_shap()
    import matplotlib as mpl

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
