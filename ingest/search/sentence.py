"""A sentence: what fires on each of its tokens, what is particular to it first.

An activation is particular to a sentence as far as few tokens of the atlas reach it; a feature that fires everywhere
comes last, unless it is stronger here than it is elsewhere.
"""

import numpy as np
import pyarrow as pa

from ingest.encode.typed_text import Typed
from schema.statements import sql_file
from schema.store import Atlas

BINS_TO_OCTAVE = 8


def features_of_sentence(atlas: Atlas, sae: int, text: str, typed: Typed, max_density: float) -> pa.Table:
    """A row a feature: its strongest token in the text, tokens of the atlas that reach as much, its density.

    Features that fire on more than a share of `max_density` of the atlas' tokens are left out.
    """
    (firing,) = typed.firing
    spans = {token.position: text[token.char_start : token.char_end] for token in typed.tokens}
    fired = {
        "feature": [each.feature for each in firing],
        "position": [each.position for each in firing],
        "token": [spans[each.position] for each in firing],
        "activation": np.array([each.activation for each in firing]),
    }
    with atlas.registered(fired=pa.table(fired)):
        return atlas.arrow(
            sql_file("ingest.search", "sentence"),
            {"sae": sae, "bins": BINS_TO_OCTAVE, "density": max_density},
        )
