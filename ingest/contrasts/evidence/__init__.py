"""Evidence for and against a feature: how concentrated it is, matched controls, and each control domain by itself.

The figures of feature_evidence (on tokens, documents and terms, in SQL), of feature_pair and of feature_domain.
"""

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Int
from scipy.stats import t as student

from ingest.contrasts.confirmation import confirmed_calls
from ingest.contrasts.feature_columns import Columns
from ingest.contrasts.scores import Documents, Scores
from ingest.statistics.bootstrap import CONFIDENCE
from ingest.statistics.groups import MIN_GROUPS
from ingest.statistics.paired import (
    pair_differences,
    paired_template_numbers,
    signed_rank,
    signs_of_differences,
    units_of_pairs,
)
from ingest.statistics.rank_sum import rank_sums_by_domain
from schema.statements import sql_file
from schema.store import Atlas


def evidence_rows(
    atlas: Atlas, sae: int, documents: Documents, favoured: Int[np.ndarray, " favoured"]
) -> tuple[pa.Table, int]:
    """A row for each feature that fires on a document of the contrast, and the number of distinct terms.

    Different tokens are counted for the favoured features alone: all activations are read for it.
    """
    chosen = pa.table({"document": documents.key, "positive": documents.positive, "member": documents.group})
    with atlas.registered(chosen=chosen, favoured=pa.table({"feature": favoured})):
        parts = {
            name: atlas.arrow(sql_file(__name__, name), {"sae": sae})
            for name in ("tokens", "documents", "terms", "types")
        }
        n_terms = int(atlas.rows(sql_file(__name__, "n_terms"))[0][0])
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
        reach = student.ppf((1 + CONFIDENCE) / 2, groups - 1) * types["error"].to_numpy()
    few = groups < MIN_GROUPS
    for name, bound in (("low", np.maximum(share - reach, 0)), ("high", np.minimum(share + reach, 1))):
        types = types.append_column(f"type_share_{name}", pa.array(bound, mask=few | ~np.isfinite(bound)))
    return types


MIN_DIFFERENCES = 5
"""With fewer groups whose pairs differ a feature is not tested on pairs; blind to which side is higher."""


def evidence_from_pairs(scores: Scores) -> Columns:
    """The signed-rank test of each feature of the range; only features with a difference have a row.

    Pairs are counted, and groups of them tested: `differing` counts the groups that differ.
    """
    documents, firing = scores.documents, scores.firing
    pair = paired_template_numbers(documents.template, documents.positive)
    pairs = int(pair.max(initial=-1)) + 1
    rows = (firing.feature, firing.score, firing.document, pair, documents.positive)
    by_pair = signs_of_differences(pair_differences(*rows), len(scores))
    by_group = signed_rank(pair_differences(*rows, unit=units_of_pairs(pair, documents.group)), len(scores))
    higher, lower = by_pair
    moved = np.flatnonzero(higher + lower)
    columns = {
        "feature": np.asarray(scores.features, dtype=np.int32),
        "higher": higher.astype(np.int32),
        "lower": lower.astype(np.int32),
        "share_higher": (pairs + higher - lower) / (2 * max(pairs, 1)),
        "p": by_group.p,
        "differing": by_group.higher + by_group.lower,
    }
    return {name: values[moved] for name, values in columns.items()}


def domain_columns(
    scores: Scores, threshold: Float[np.ndarray, " n_features"], chosen: Bool[np.ndarray, " n_features"]
) -> Columns:
    """A row for each chosen feature and control domain; `called` is NaN without a threshold."""
    documents, firing = scores.documents, scores.firing
    n_domains = len(documents.domains)
    members = np.bincount(documents.domain[~documents.positive], minlength=n_domains)
    judged = np.bincount(documents.domain[~documents.positive & documents.confirmation], minlength=n_domains)
    sizes = (documents.sizes[0], len(scores))
    found = rank_sums_by_domain(firing.feature, firing.score, documents.domain[firing.document], members, sizes)
    rows = confirmed_calls(scores, threshold)
    rows = rows.where(~rows.positive)
    cells = rows.feature.astype(np.int64) * n_domains + documents.domain[rows.document]
    called = np.bincount(cells, minlength=len(scores) * n_domains).reshape(len(scores), n_domains).astype(float)
    called[~np.isfinite(threshold)] = np.nan
    kept = np.flatnonzero(chosen)
    shape = (len(kept), n_domains)
    return {
        "feature": np.repeat(np.asarray(scores.features, dtype=np.int32)[kept], n_domains),
        "domain": np.tile(np.asarray(documents.domains, dtype=object), len(kept)),
        "documents": np.broadcast_to(members.astype(np.int32), shape).ravel(),
        "fires": found.fires[kept].astype(np.int32).ravel(),
        "auroc": found.auroc[kept].ravel(),
        "documents_confirmation": np.broadcast_to(judged.astype(np.int32), shape).ravel(),
        "called": called[kept].ravel(),
    }
