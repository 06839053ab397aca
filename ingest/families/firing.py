"""On which tokens the features of an SAE fire: the sparse rows of an atlas as matrices."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from scipy.sparse import csc_array

from schema.store import Atlas

PLACES = 2**15
"""More positions than any window has: a window and a position make one number."""


_SHARED = """
    SELECT own.document
    FROM coverage AS own
    JOIN coverage AS there USING (document)
    JOIN sae AS one ON one.sae = own.sae
    JOIN sae AS other ON other.sae = there.sae AND other.tokenization = one.tokenization
    WHERE own.sae = $sae
      AND there.sae = $other
"""
"""Documents that two SAEs have cut into the same windows and encoded."""


class Firing(NamedTuple):
    """The activations of an SAE on tokens, and how many tokens there are; columns of silent features are empty.

    Shapes: activation (token, d_sae), sparse, float32; the tokens are those on which anything fires, in their order.
    """

    activation: csc_array
    tokens: int


def read_firing(atlas: Atlas, sae: int) -> Firing:
    """What an SAE gives on every token that it has encoded."""
    return _read(atlas, [sae], "SELECT document FROM coverage WHERE sae = $sae")[0]


def read_shared_firing(atlas: Atlas, sae: int, other: int) -> tuple[Firing, Firing]:
    """What two SAEs give on the tokens that both have encoded, row for row; none where their windows differ."""
    one, two = _read(atlas, [sae, other], _SHARED)
    return one, two


def coverage_hash(atlas: Atlas, sae: int) -> str:
    """A hash of the texts that an SAE has encoded, whatever their order and keys; empty where there is none."""
    return _hash(atlas, "SELECT document FROM coverage WHERE sae = $sae", {"sae": sae})


def shared_firing_hash(atlas: Atlas, sae: int, other: int) -> str:
    """A hash of the texts that `read_shared_firing` reads; empty where there is none."""
    return _hash(atlas, _SHARED, {"sae": sae, "other": other})


def _hash(atlas: Atlas, documents: str, keys: dict[str, int]) -> str:
    sql = f"""
        SELECT COALESCE(md5(string_agg(content_hash, ' ' ORDER BY content_hash)), '')
        FROM document
        SEMI JOIN ({documents}) USING (document)
    """
    return str(atlas.rows(sql, keys)[0][0])


def _read(atlas: Atlas, saes: list[int], documents: str) -> list[Firing]:
    """Each SAE on the tokens of the documents, which a query names by $sae and $other."""
    keys = {"sae": saes[0]} | ({"other": saes[1]} if len(saes) > 1 else {})
    covered = atlas.arrow(documents, keys)
    with atlas.registered(covered=covered):
        tokens = atlas.rows(
            """
            SELECT COALESCE(SUM(context.tokens), 0)
            FROM covered
            JOIN context USING (document)
            JOIN sae USING (tokenization)
            WHERE sae = ?
            """,
            [saes[0]],
        )[0][0]
        rows = [_rows(atlas, sae) for sae in saes]
    places = np.unique(np.concatenate([_places(found) for found in rows]))
    found = []
    for sae, read in zip(saes, rows, strict=True):
        d_sae = atlas.rows("SELECT d_sae FROM sae WHERE sae = ?", [sae])[0][0]
        token = np.searchsorted(places, _places(read)).astype(np.int32)
        value, feature = read["activation"].to_numpy(), read["feature"].to_numpy()
        shape = (len(places), int(d_sae))
        found.append(Firing(csc_array((value, (token, feature)), shape=shape), int(tokens)))
    return found


def _rows(atlas: Atlas, sae: int) -> pa.Table:
    return atlas.arrow(
        f"""
        SELECT feature, CAST(context AS BIGINT) * {PLACES} + position AS place, activation
        FROM activation
        JOIN context USING (context)
        SEMI JOIN covered USING (document)
        WHERE sae = $sae
        """,
        {"sae": sae},
    )


def _places(rows: pa.Table) -> np.ndarray:
    return np.asarray(rows["place"].to_numpy(), dtype=np.int64)
