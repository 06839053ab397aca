"""The features of one SAE looked for in another: both measures, both ways, and the rows that hold it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float
from sqlalchemy import delete, insert

from ingest.families.activation_matches import NO_MATCHES, chance_of_activations, matches_by_activation
from ingest.families.firing import SharedFiring
from ingest.families.matches import (
    SPLIT,
    Matches,
    Measure,
    chance_of_directions,
    count_matches_shared,
    matches_by_decoder,
    mutual_matches,
    pair_cosines,
)
from ingest.families.products import HELD
from schema import tables
from schema.store import Atlas

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Side:
    """One of two SAEs that are compared: its key, its decoder, what it and the other give on shared tokens."""

    sae: int
    W_dec: Float[torch.Tensor, "d_sae d_in"]
    firing: SharedFiring

    @property
    def tokens(self) -> int:
        """Those that both have encoded."""
        return self.firing.paired.tokens


@dataclass(frozen=True)
class Comparison:
    """Two SAEs compared one way: matches by measure, and what the best match reaches by chance.

    `correlation` is that of the matches by cosine, NaN where it is not known.
    """

    one: Side
    other: Side
    matches: dict[Measure, Matches]
    chance: dict[Measure, float]
    correlation: Float[np.ndarray, " match"]


def compare_saes(one: Side, other: Side, tell: Tell, held: int = HELD) -> tuple[Comparison, Comparison]:
    """Both SAEs' features looked for in the other: by decoder if widths agree, by activation if tokens are shared.

    `held` is how many bytes of sums are held at a time.
    """
    return _compared(one, other, tell, held), _compared(other, one, tell, held)


def _compared(one: Side, other: Side, tell: Tell, held: int) -> Comparison:
    matches: dict[Measure, Matches] = {}
    chance: dict[Measure, float] = {}
    if one.W_dec.shape[1] == other.W_dec.shape[1]:
        matches["cosine"] = matches_by_decoder(one.W_dec, other.W_dec, report=_telling(tell, "directions"))
        chance["cosine"] = chance_of_directions(one.W_dec, other.W_dec)
    by_cosine = matches.get("cosine", NO_MATCHES)
    correlation = np.full(len(by_cosine.feature), np.nan)
    if one.tokens:
        matches["correlation"], correlation = matches_by_activation(
            one.firing.paired, asked=by_cosine, report=_telling(tell, "activations"), held=held
        )
        chance["correlation"] = chance_of_activations(one.firing.shifted, _telling(tell, "activations by chance"), held)
    return Comparison(one, other, matches, chance, correlation)


def _telling(tell: Tell, what: str) -> Callable[[int, int], None]:
    return lambda done, total: tell(what, done, total)


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
            "tokens": way.one.tokens,
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
        if measure != "correlation":
            figures["correlation"] = way.correlation
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
