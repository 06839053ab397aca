"""The figures of feature_evidence: how concentrated a feature is on tokens, documents and terms, in SQL."""

from importlib.resources import files

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from scipy.stats import t as student

from ingest.contrasts.scores import Documents
from ingest.statistics.lift import LEVEL, MIN_GROUPS
from schema.store import Atlas


def evidence_rows(
    atlas: Atlas, sae: int, documents: Documents, favoured: Int[np.ndarray, " favoured"]
) -> tuple[pa.Table, int]:
    """A row for each feature that fires on a document of the contrast, and the number of distinct terms.

    Different tokens are counted for the favoured features alone: all activations are read for it.
    """
    chosen = pa.table({"document": documents.key, "positive": documents.positive, "member": documents.group})
    with atlas.registered(chosen=chosen, favoured=pa.table({"feature": favoured})):
        parts = {name: atlas.arrow(_sql(name), {"sae": sae}) for name in ("tokens", "documents", "terms", "types")}
        n_terms = int(atlas.rows(_sql("n_terms"))[0][0])
    parts["types"] = _with_interval(parts["types"])
    with atlas.registered(**{f"by_{name}": part for name, part in parts.items()}):
        rows = atlas.arrow(
            """
            SELECT
              feature,
              active_tokens,
              top_token,
              top_token_share,
              token_entropy,
              document_entropy,
              COALESCE(terms, 0) AS terms,
              COALESCE(terms, 0) / NULLIF($n_terms, 0) AS term_coverage,
              types,
              type_share,
              type_share_low,
              type_share_high
            FROM by_documents
            JOIN by_tokens USING (feature)
            LEFT JOIN by_types USING (feature)
            LEFT JOIN by_terms USING (feature)
            ORDER BY feature
            """,
            {"n_terms": n_terms},
        )
    return rows, n_terms


def _with_interval(types: pa.Table) -> pa.Table:
    """The share of different tokens with its interval, from the standard error over groups; NULL for few groups."""
    groups, share = types["groups"].to_numpy(), types["type_share"].to_numpy()
    with np.errstate(invalid="ignore"):
        reach = student.ppf((1 + LEVEL) / 2, groups - 1) * types["error"].to_numpy()
    few = groups < MIN_GROUPS
    for name, bound in (("low", np.maximum(share - reach, 0)), ("high", np.minimum(share + reach, 1))):
        types = types.append_column(f"type_share_{name}", pa.array(bound, mask=few | ~np.isfinite(bound)))
    return types


def _sql(name: str) -> str:
    return files("ingest.contrasts").joinpath("evidence", f"{name}.sql").read_text(encoding="utf-8")
