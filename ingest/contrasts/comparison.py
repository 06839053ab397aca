"""What a stored contrast compares and what it finds together, in words."""

from typing import Any

from ingest.contrasts.confirmation import MIN_GROUPS
from schema.store import Atlas

NAMED = 8
"""Features of a set that are named in a line."""


def comparison(atlas: Atlas, name: str) -> list[str]:
    """Sentences about a contrast's documents; one more where they are of too few groups."""
    rows = atlas.arrow(
        """
        SELECT DISTINCT sae_contrast.* EXCLUDE (contrast, sae)
        FROM sae_contrast
        JOIN contrast USING (contrast)
        WHERE name = $name
          AND groups_positive IS NOT NULL
        """,
        {"name": name},
    ).to_pylist()
    told = [sentence for row in rows for sentence in (_compared(row), *_too_few(row))]
    return list(dict.fromkeys(told))


def found_together(atlas: Atlas, name: str) -> list[str]:
    """A line for each SAE: the features that together tell the sides apart, and how well they do."""
    rows = atlas.arrow(
        """
        SELECT
            label,
            set_size,
            set_auroc,
            set_auroc_low,
            set_auroc_high,
            set_accuracy,
            GREATEST(documents_positive - discovery_positive, documents_control - discovery_control)
              / (documents_positive - discovery_positive + documents_control - discovery_control) AS larger_side,
            (
              SELECT list(feature ORDER BY rank)
              FROM contrast_set
              WHERE contrast_set.contrast = sae_contrast.contrast
                AND contrast_set.sae = sae_contrast.sae
            ) AS features
        FROM sae_contrast
        JOIN contrast USING (contrast)
        JOIN sae USING (sae)
        WHERE name = $name
          AND set_size IS NOT NULL
        ORDER BY sae
        """,
        {"name": name},
    ).to_pylist()
    return [f"{row['label']}: {_together(row)}" for row in rows]


def _together(row: dict[str, Any]) -> str:
    if not row["set_size"]:
        return "no set of features together tells the sides apart"
    features = row["features"]
    named = ", ".join(map(str, features[:NAMED])) + (", ..." if len(features) > NAMED else "")
    told = f"{row['set_size']} features together ({named})" if len(features) > 1 else f"feature {named} alone"
    if row["set_auroc"] is None:
        return f"{told} tell the sides apart on the discovery half"
    return (
        f"{told}: on the confirmation half AUROC {row['set_auroc']:.3f} "
        f"({row['set_auroc_low']:.3f} to {row['set_auroc_high']:.3f}), right in {row['set_accuracy']:.0%} of documents "
        f"(calling all the larger side's: {row['larger_side']:.0%})"
    )


def _compared(row: dict[str, float]) -> str:
    sides = " against ".join(
        f"{row[f'documents_{side}']:,} {side} documents of {row[f'groups_{side}']:,} groups "
        f"(median {row[f'length_{side}_median']:.4g} tokens)"
        for side in ("positive", "control")
    )
    return f"{sides}; p {row['length_p']:.2g} for the difference in length"


def _too_few(row: dict[str, float]) -> list[str]:
    few = [side for side in ("positive", "control") if row[f"groups_{side}"] < 2 * MIN_GROUPS]
    if not few:
        return []
    return [
        f"fewer than {2 * MIN_GROUPS} groups are {' and '.join(few)}, so fewer than {MIN_GROUPS} in a half: nothing is "
        "chosen on one half and judged on the other"
    ]
