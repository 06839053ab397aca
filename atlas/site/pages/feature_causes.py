"""Shapley values about a feature: which tokens drive it, and what it does to the next token."""

import json
from collections import defaultdict
from typing import Any

from atlas.site.pages.addresses import table_address
from atlas.site.pages.reading import Row
from atlas.site.pages.subject import Subject

PROMPTS = 3
TARGETS = 8
TOKEN = ("position", "text", "char_start", "char_end", "value", "standard_error", "rank")


async def prompts(about: Subject) -> dict[str, Any] | None:
    """The explained prompts on which it fires most, with what each token adds; None where there are none."""
    found = await about.rows("feature_prompts", limit=PROMPTS)
    if not found:
        return None
    keys = json.dumps([prompt["explanation"] for prompt in found])
    tokens: dict[int, list[Row]] = defaultdict(list)
    for token in await about.rows("feature_prompt_tokens", explanations=keys):
        tokens[token["explanation"]].append({name: token[name] for name in TOKEN})
    return {
        "prompts": [_prompt(about, prompt, tokens[prompt["explanation"]]) for prompt in found],
        "rows": about.rows_behind("explanation", question="feature", _sort_desc="full_value"),
        "words": table_address(about.datasette, "words_for_feature", sae=about.sae["name"], feature=about.feature),
    }


def _prompt(about: Subject, prompt: Row, tokens: list[Row]) -> Row:
    return {
        **prompt,
        "document_address": about.document(prompt["document"]),
        "tokens": tokens,
        "rows": table_address(about.datasette, "token_attribution", explanation=prompt["explanation"]),
    }


async def effects(about: Subject) -> dict[str, Any] | None:
    """What it adds to predictions where it is active, by the token predicted; None where none was explained."""
    found = await about.rows("feature_effects")
    if not found:
        return None
    prompts = sum(effect["prompts"] for effect in found)
    return {
        "prompts": prompts,
        "mean_value": sum(effect["prompts"] * effect["mean_value"] for effect in found) / prompts,
        "targets_in_all": len(found),
        "targets": found[:TARGETS],
        "rows": about.rows_behind("feature_attribution"),
        "compared": table_address(about.datasette, "features_that_move", sae=about.sae["name"]),
    }
