"""What a stored contrast or association compares and what it finds, in words."""

from typing import Any

from ingest.statistics.groups import MIN_GROUPS
from schema.store import Atlas

NAMED = 8
"""Features of a set that are named in a line."""


def contrast_comparison_in_words(atlas: Atlas, name: str) -> list[str]:
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
    return list(dict.fromkeys(told)) + _of_several_sources(atlas, name)


def concept_found_in_words(atlas: Atlas, name: str) -> list[str]:
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


def _of_several_sources(atlas: Atlas, name: str) -> list[str]:
    """Where one name of a group stands in several sources, which may mean others by it: templates are for all."""
    ((groups, example),) = atlas.rows(
        """
        SELECT COUNT(*), MIN(group_name)
        FROM (
          SELECT group_name
          FROM contrast_document
          JOIN contrast USING (contrast)
          JOIN document USING (document)
          JOIN corpus USING (corpus)
          WHERE contrast.name = $name
            AND group_name IS DISTINCT FROM template
          GROUP BY group_name
          HAVING COUNT(DISTINCT split_part(corpus.name, '/', 1)) > 1
        )
        """,
        {"name": name},
    )
    if not groups:
        return []
    return [
        f"{groups:,} groups, such as {example[:40]!r}, hold documents of several sources and count as one each; if one "
        "name means another book, law or patient in another source, let the field group say which, and ingest again"
    ]


def _too_few(row: dict[str, float]) -> list[str]:
    few = [side for side in ("positive", "control") if row[f"groups_{side}"] < 2 * MIN_GROUPS]
    if not few:
        return []
    return [
        f"fewer than {2 * MIN_GROUPS} groups are {' and '.join(few)}, so fewer than {MIN_GROUPS} in a half: nothing is "
        "chosen on one half and judged on the other"
    ]


def association_lines(atlas: Atlas, name: str) -> list[str]:
    """Sentences about an association's documents, and a line for each SAE of what is found."""
    rows = atlas.arrow(
        """
        SELECT
          sae_association.*,
          kind,
          field,
          label,
          len(CAST(sets AS VARCHAR[])) AS n_classes,
          (
            SELECT COUNT(*) FILTER (q <= 0.05)
            FROM (
              SELECT association, sae, q FROM feature_target
              UNION ALL
              SELECT association, sae, q FROM feature_classes
            ) AS either
            WHERE either.association = sae_association.association
              AND either.sae = sae_association.sae
          ) AS found
        FROM sae_association
        JOIN association USING (association)
        JOIN sae USING (sae)
        WHERE name = $name
        ORDER BY sae
        """,
        {"name": name},
    ).to_pylist()
    told = [sentence for row in rows for sentence in (_associated(row), *_mixed(row), *_few_in_a_half(row))]
    return [*dict.fromkeys(told), *(_discovered(row) for row in rows)]


def _associated(row: dict[str, Any]) -> str:
    target = row["kind"] == "target"
    asked = f"a number {row['field']}" if target else f"{row['n_classes']} classes"
    without = f", {row['documents_without']:,} without it left out" if row["documents_without"] else ""
    effect = f"{'rho' if target else 'epsilon squared'} {row['length_effect']:.2g}, p {row['length_p']:.2g}"
    return (
        f"{row['documents_compared']:,} documents of {row['groups_compared']:,} groups with {asked}{without}; "
        f"of their length itself: {effect}"
    )


def _mixed(row: dict[str, Any]) -> list[str]:
    if not row["groups_mixed"]:
        return []
    what = "number" if row["kind"] == "target" else "class"
    return [
        f"documents of {row['groups_mixed']:,} groups differ in their {what}: they exchange it within their group "
        "only, and what these groups differ in as a whole counts for nothing in p"
    ]


def _few_in_a_half(row: dict[str, Any]) -> list[str]:
    if min(row["groups_discovery"], row["groups_confirmation"]) >= MIN_GROUPS:
        return []
    whose = "" if row["kind"] == "target" else " of a class"
    return [f"fewer than {MIN_GROUPS} groups{whose} in a half: nothing is chosen on one half and judged on the other"]


def _discovered(row: dict[str, Any]) -> str:
    return f"{row['label']}: {row['features_tested']:,} features tested, {row['found']:,} at q <= 0.05"
