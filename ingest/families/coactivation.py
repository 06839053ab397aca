"""Which features fire together in an atlas: counted anew when other texts are encoded, and stored."""

import numpy as np
import pyarrow as pa
from sqlalchemy import delete, insert

from ingest.families.coactive_pairs import Company
from schema import tables
from schema.store import Atlas


def coactivation_counted_before(atlas: Atlas, sae: int, coverage: str) -> bool:
    """Whether the stored counts are of just these texts."""
    return bool(atlas.rows("SELECT 1 FROM sae_coactivation WHERE sae = ? AND coverage_hash = ?", [sae, coverage]))


def store_coactivation(atlas: Atlas, sae: int, found: Company, coverage: str, run: int) -> None:
    """Replace the co-activation of an SAE's features; to be called inside a transaction."""
    pairs = found.pairs
    for table in (tables.feature_coactivation, tables.sae_coactivation):
        atlas.connection.execute(delete(table).where(table.c.sae == sae))
    header = {
        "sae": sae,
        "ingest_run": run,
        "tokens": found.tokens,
        "features": found.features,
        "coverage_hash": coverage,
    }
    atlas.connection.execute(insert(tables.sae_coactivation), header)
    columns = {
        "sae": np.full(len(pairs.feature), sae, np.int16),
        "feature": pairs.feature.astype(np.int32),
        "rank": pairs.rank.astype(np.int16),
        "other_feature": pairs.other.astype(np.int32),
        "tokens_both": pairs.both,
        "jaccard": pairs.jaccard,
        "lift": pairs.lift(found.tokens),
    }
    atlas.append(tables.feature_coactivation, pa.table(columns))
