"""What is known of a feature without running it: its labels, its decoder, the tokens it raises and lowers."""

import json
from typing import Any

from atlas.site.pages.reading import Row
from atlas.site.pages.subject import Subject

MOMENTS = ("log_sparsity", "decoder_norm", "logit_mean", "logit_std", "logit_skewness", "logit_kurtosis")


async def weights(about: Subject) -> dict[str, Any] | None:
    """Moments of its logit weights, and the tokens at both ends; None where the feature was never registered."""
    found = await about.row("feature_weights")
    if found is None:
        return None
    return {
        **{name: found[name] for name in MOMENTS},
        "mode": about.sae["logit_weights"],
        "bos_activation": found["bos_activation"],
        "raises": _tokens(found["top_logits"]),
        "lowers": _tokens(found["bottom_logits"]),
        "rows": about.rows_behind("feature"),
    }


async def labels(about: Subject) -> list[Row]:
    """Its labels with what is stored about each: source, author, model, score."""
    found = await about.rows_if_published("feature_label", "feature_label")
    return [{name: value for name, value in label.items() if name not in ("sae", "feature")} for label in found]


def _tokens(pairs: str) -> list[Row]:
    return [{"token": token, "weight": weight} for token, weight in json.loads(pairs)]
