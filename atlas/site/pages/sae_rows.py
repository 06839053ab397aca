"""What the atlas holds of an SAE: the moments of its features, and how each corpus looks through it."""

from typing import TYPE_CHECKING

import numpy as np

from atlas.site.pages.charts.moments import Moments, Spread, spreads
from atlas.site.pages.memory import Memory, kept
from atlas.site.pages.page import Asked
from atlas.site.pages.reading import Row, rows, sae_named

if TYPE_CHECKING:
    from datasette.app import Datasette

SHOWN = 10
MOMENTS: Memory[Moments] = Memory(16)
CORPORA: Memory[list[Row]] = Memory(16)


async def moments(datasette: "Datasette", sae: int) -> Moments:
    """The moments of every feature of an SAE, in the order of the index."""

    async def read() -> Moments:
        features = await rows(datasette, "sae_moments", sae=sae)
        columns = ("logit_std", "logit_skewness", "logit_kurtosis", "log_sparsity")
        return Moments(*(np.array([feature[name] for feature in features], dtype=float) for name in columns))

    return await kept(MOMENTS, datasette, sae, read)


async def moments_asked(asked: Asked) -> Moments:
    """The same for the SAE that an address names."""
    return await moments(asked.datasette, (await sae_named(asked.datasette, asked.parts["path"]))["sae"])


async def spread_asked(asked: Asked) -> Spread:
    """One of its histograms, the one that the address names."""
    return spreads(await moments_asked(asked))[asked.parts["chart"]]


async def corpora(datasette: "Datasette", sae: Row) -> list[Row]:
    """Each corpus that it has read: how many features fire at once, how many at all."""

    async def read() -> list[Row]:
        found = await rows(datasette, "sae_corpora", sae=sae["sae"])
        for corpus in found:
            corpus["dead_share"] = 1.0 - corpus["features_fired"] / sae["d_sae"]
        return found

    return await kept(CORPORA, datasette, sae["sae"], read)


async def densest(datasette: "Datasette", sae: Row, corpus: Row) -> list[Row]:
    """The features that fire on most tokens of a corpus."""
    return await rows(
        datasette,
        "sae_densest",
        sae=sae["sae"],
        corpus=corpus["corpus"],
        tokenization=sae["tokenization"],
        limit=SHOWN,
    )
