"""A feature in the contrasts: the numbers, and what they speak for and against."""

import json
from typing import Any

from atlas.site.pages.addresses import contrast_address
from atlas.site.pages.feature_evidence import weighed
from atlas.site.pages.reading import Row
from atlas.site.pages.subject import Subject

BEHIND = ("feature_contrast", "feature_confirmation", "feature_pair", "feature_evidence", "feature_domain")


async def contrasts(about: Subject) -> dict[str, Any] | None:
    """Each contrast in which it fires; None where there is none."""
    found = await about.rows("feature_contrasts")
    if not found:
        return None
    domains = await about.rows("feature_domains")
    return {
        "contrasts": [
            _contrast(about, contrast, [row for row in domains if row["contrast"] == contrast["contrast"]])
            for contrast in found
        ]
    }


def _contrast(about: Subject, contrast: Row, domains: list[Row]) -> Row:
    named = {side: ", ".join(map(str, json.loads(contrast[side]))) for side in ("positive", "control")}
    numbers = {**contrast, **named, "study_kept": bool(contrast["study_kept"])}
    return {
        **numbers,
        "is_fms_root": contrast["fms_root"] == about.feature,
        "domains": [{name: value for name, value in row.items() if name != "contrast"} for row in domains],
        "evidence": weighed(numbers, domains),
        "address": contrast_address(about.datasette, contrast["name"], about.sae["name"]),
        "rows": {table: about.rows_behind(table, contrast=contrast["contrast"]) for table in BEHIND},
    }
