"""Which tokens drive a feature: Shapley values of the tokens of the prompts on which it fires most."""

import json
from collections import defaultdict

from atlas.site.pages.addresses import table_address
from atlas.site.pages.feature.section import Feature, Record
from atlas.site.pages.rows import Row

HEADING = "Tokens that drive it"
PROMPTS = 3
TOKEN = ("position", "text", "char_start", "char_end", "value", "standard_error", "rank")


async def read(about: Feature) -> Record | None:
    """The explained prompts on which it fires most, with what each token adds; None where there are none."""
    found = await about.rows("prompts/rows", limit=PROMPTS)
    if not found:
        return None
    keys = json.dumps([prompt["explanation"] for prompt in found])
    tokens: dict[int, list[Row]] = defaultdict(list)
    for token in await about.rows("prompts/tokens", explanations=keys):
        tokens[token["explanation"]].append({name: token[name] for name in TOKEN})
    return {
        "prompts": [_prompt(about, prompt, tokens[prompt["explanation"]]) for prompt in found],
        "rows": about.rows_behind("explanation", question="feature", _sort_desc="full_value"),
        "words": about.query("words_for_feature"),
    }


def _prompt(about: Feature, prompt: Row, tokens: list[Row]) -> Row:
    return {
        **prompt,
        "document_address": about.document(prompt["document"]),
        "tokens": tokens,
        "rows": table_address(about.datasette, "token_attribution", explanation=prompt["explanation"]),
    }
