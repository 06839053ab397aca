"""What is known of a feature without running it: its decoder, the tokens it raises and lowers."""

import json

from atlas.site.pages.feature.section import Feature, Record
from atlas.site.pages.rows import Row
from atlas.site.pages.sae.notes import WAYS, why_sae_page_lacks_logit_weights

HEADING = "Next token"
MOMENTS = ("log_sparsity", "decoder_norm", "logit_mean", "logit_std", "logit_skewness", "logit_kurtosis")


async def read(about: Feature) -> Record | None:
    """Moments of its logit weights, and the tokens at both ends; None where the feature was never registered."""
    found = await about.row("weights/rows")
    if found is None:
        return None
    return {
        **{name: found[name] for name in MOMENTS},
        "mode": about.sae["logit_weights"],
        "way": WAYS.get(about.sae["logit_weights"]),
        "unknown": why_sae_page_lacks_logit_weights(about.sae) if found["logit_mean"] is None else None,
        "bos_activation": found["bos_activation"],
        "raises": _tokens(found["top_logits"]),
        "lowers": _tokens(found["bottom_logits"]),
        "rows": about.rows_behind("feature"),
    }


def _tokens(pairs: str) -> list[Row]:
    return [{"token": token, "weight": weight} for token, weight in json.loads(pairs)]
