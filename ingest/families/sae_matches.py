"""The features of one SAE looked for in another: both measures, both ways, and the rows that hold it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float
from sqlalchemy import delete, insert

from ingest.families.firing import Firing
from ingest.families.matches import (
    SPLIT,
    Matches,
    Measure,
    chance_of_activations,
    chance_of_directions,
    count_matches_shared,
    matches_by_activation,
    matches_by_decoder,
    mutual_matches,
    pair_correlations,
    pair_cosines,
)
from schema import tables
from schema.store import Atlas

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Side:
    """One of two SAEs that are compared: its key, its decoder, what it gives on the tokens that both have encoded."""

    sae: int
    W_dec: Float[torch.Tensor, "d_sae d_in"]
    firing: Firing


@dataclass(frozen=True)
class Comparison:
    """Two SAEs compared one way: matches by measure, and what the best match reaches by chance."""

    one: Side
    other: Side
    matches: dict[Measure, Matches]
    chance: dict[Measure, float]


def compare_saes(one: Side, other: Side, tell: Tell) -> tuple[Comparison, Comparison]:
    """Both SAEs' features looked for in the other: by decoder if widths agree, by activation if tokens are shared."""
    sides = ((one, other), (other, one))
    matches: list[dict[Measure, Matches]] = [{}, {}]
    chance: list[dict[Measure, float]] = [{}, {}]
    if one.W_dec.shape[1] == other.W_dec.shape[1]:
        for way, (here, there) in enumerate(sides):
            matches[way]["cosine"] = matches_by_decoder(
                here.W_dec, there.W_dec, report=lambda done, total: tell("directions", done, total)
            )
            chance[way]["cosine"] = chance_of_directions(here.W_dec, there.W_dec)
    tokens = one.firing.tokens
    if tokens:
        for way, (here, there) in enumerate(sides):
            pair = here.firing.activation, there.firing.activation
            matches[way]["correlation"] = matches_by_activation(
                *pair, tokens, report=lambda done, total: tell("activations", done, total)
            )
            chance[way]["correlation"] = chance_of_activations(*pair, tokens)
    return Comparison(one, other, matches[0], chance[0]), Comparison(other, one, matches[1], chance[1])


def saes_compared_before(atlas: Atlas, sae: int, other: int, inputs: str) -> bool:
    """Whether the stored matches of two SAEs are of just these inputs."""
    sql = "SELECT 1 FROM sae_match WHERE sae = ? AND other_sae = ? AND inputs_hash = ?"
    return bool(atlas.rows(sql, [sae, other, inputs]))


def store_sae_matches(atlas: Atlas, ways: tuple[Comparison, Comparison], inputs: str, run: int) -> None:
    """Replace the matches of two SAEs, both ways; to be called inside a transaction."""
    for way, back in (ways, ways[::-1]):
        for table in (tables.feature_match, tables.sae_match):
            theirs = (table.c.sae == way.one.sae, table.c.other_sae == way.other.sae)
            atlas.connection.execute(delete(table).where(*theirs))
        header = {
            "sae": way.one.sae,
            "other_sae": way.other.sae,
            "ingest_run": run,
            "tokens": way.one.firing.tokens,
            **{f"least_{measure}": least for measure, least in SPLIT.items()},
            **{f"chance_{measure}": reached for measure, reached in way.chance.items()},
            "inputs_hash": inputs,
        }
        atlas.connection.execute(insert(tables.sae_match), header)
        for rows in _rows(way, back):
            atlas.append(tables.feature_match, rows)


def _rows(way: Comparison, back: Comparison) -> Iterator[pa.Table]:
    one, other = way.one, way.other
    for measure, found in way.matches.items():
        rows = len(found.feature)
        unknown = np.full(rows, np.nan)
        figures = {"cosine": unknown, "correlation": unknown, measure: found.value.astype(float)}
        if "cosine" in way.matches and measure != "cosine":
            figures["cosine"] = pair_cosines(one.W_dec, other.W_dec, found).astype(float)
        if "correlation" in way.matches and measure != "correlation":
            pair = one.firing.activation, other.firing.activation
            figures["correlation"] = pair_correlations(*pair, one.firing.tokens, found)
        yield pa.table(
            {
                "sae": np.full(rows, one.sae, np.int16),
                "feature": found.feature.astype(np.int32),
                "other_sae": np.full(rows, other.sae, np.int16),
                "measure": pa.array([measure] * rows, pa.string()),
                "rank": found.rank.astype(np.int16),
                "other_feature": found.other.astype(np.int32),
                **{name: pa.array(value, mask=np.isnan(value)) for name, value in figures.items()},
                "mutual": mutual_matches(found, back.matches[measure]),
                "siblings": count_matches_shared(found, SPLIT[measure]).astype(np.int32),
            }
        )
