"""What the feature is said to mean: each label a claim, with who made it, from what, and how far it was borne out."""

from itertools import groupby

from atlas.site.pages.feature.section import Feature
from atlas.site.pages.rows import Row

HEADING = "Labels"
BY_WORDS = "words"
"""The judge that is no language model."""
SAID = ("feature_label", "label", "kind", "method", "source", "author", "model", "contexts", "old")


async def read(about: Feature) -> list[Row]:
    """Its labels, the best borne out first, each with its scores by kind of silent contexts."""
    found = await about.rows_if_published("feature_label", "labels/rows")
    labels = [_label(list(rows)) for _, rows in groupby(found, key=lambda row: row["feature_label"])]
    return sorted(labels, key=lambda label: -(label["score"] or 0))


def _label(rows: list[Row]) -> Row:
    """A label, with all of its scores, and of those against silent contexts drawn blindly the one to name first.

    That is the one by its words; a language model's only where there is none, and it is no `score` to sort by.
    """
    said = {name: rows[0][name] for name in SAID}
    scores = [{name: value for name, value in row.items() if name not in SAID} for row in rows if row["negatives"]]
    blind = [score for score in scores if score["negatives"] == "random" and score["auroc"] is not None]
    by_words = next((score for score in blind if score["judge"] == BY_WORDS), None)
    return {
        **said,
        "score": by_words["auroc"] if by_words else None,
        "blind": by_words or next(iter(blind), None),
        "scores": scores,
    }
