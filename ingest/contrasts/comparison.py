"""What a stored contrast compares, in words: documents, the groups they are of, and how long they are."""

from ingest.contrasts.confirmation import MIN_GROUPS
from schema.store import Atlas


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


def _compared(row: dict[str, float]) -> str:
    sides = " against ".join(
        f"{row[f'documents_{side}']:,} {side} documents of {row[f'groups_{side}']:,} groups "
        f"(median {row[f'length_{side}_median']:.4g} tokens)"
        for side in ("positive", "control")
    )
    return f"{sides}; p {row['length_p']:.2g} that both are of like length"


def _too_few(row: dict[str, float]) -> list[str]:
    few = [side for side in ("positive", "control") if row[f"groups_{side}"] < 2 * MIN_GROUPS]
    if not few:
        return []
    return [
        f"fewer than {2 * MIN_GROUPS} groups are {' and '.join(few)}, so fewer than {MIN_GROUPS} in a half: nothing is "
        "chosen on one half and judged on the other"
    ]
