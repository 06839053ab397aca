"""The figures of feature_evidence: how concentrated a feature is on tokens, documents and terms, in SQL."""

from importlib.resources import files

import pyarrow as pa

from ingest.contrasts.scores import Documents
from schema.store import Atlas


def evidence_rows(atlas: Atlas, sae: int, documents: Documents) -> tuple[pa.Table, int]:
    """A row for each feature that fires on a document of the contrast, and the number of distinct terms."""
    chosen = pa.table({"document": documents.key, "positive": documents.positive})
    with atlas.registered(chosen=chosen):
        parts = {name: atlas.arrow(_sql(name), {"sae": sae}) for name in ("tokens", "documents", "terms")}
        n_terms = int(atlas.rows(_sql("n_terms"))[0][0])
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
              COALESCE(terms, 0) / NULLIF($n_terms, 0) AS term_coverage
            FROM by_documents
            JOIN by_tokens USING (feature)
            LEFT JOIN by_terms USING (feature)
            ORDER BY feature
            """,
            {"n_terms": n_terms},
        )
    return rows, n_terms


def _sql(name: str) -> str:
    return files("ingest.contrasts").joinpath("evidence", f"{name}.sql").read_text(encoding="utf-8")
