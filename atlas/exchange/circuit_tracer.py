"""A feature as circuit-tracer's and Neuronpedia's views of attribution graphs read it, at BASE/INDEX.json.

Source: github.com/hijohnnylin/neuronpedia: apps/webapp/app/api/graph/feature-details-schema.json.
"""

from itertools import groupby
from typing import Any

from atlas.exchange.records import FeatureRecord, Window

STRONGEST = "Top activations"


def feature_details(record: FeatureRecord) -> dict[str, Any]:
    """Its examples by the interval that they stand for, windows of zeros left out, and its tokens at both ends."""
    firing = [window for window in record.windows if any(window.values)]
    return {
        "index": record.feature,
        "examples_quantiles": [
            {
                "quantile_name": name,
                "examples": [{"tokens": each.tokens, "tokens_acts_list": each.values} for each in windows],
            }
            for name, windows in groupby(firing, _interval)
        ],
        "top_logits": [token for token, _ in record.raised],
        "bottom_logits": [token for token, _ in record.lowered],
    }


def _interval(window: Window) -> str:
    if window.bin_min is None or window.bin_max is None or window.bin_min < 0:
        return STRONGEST
    return f"{window.bin_min:g} to {window.bin_max:g}"
