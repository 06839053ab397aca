"""What an SAE gives on the documents of a contrast."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Int

from schema.store import Atlas

Unit = Literal["document", "window"]


@dataclass(frozen=True)
class Scores:
    """What an SAE gives on the documents of a contrast; features that are silent on a document have no row.

    Shapes: document_positive, tokens, bos_tokens (document,); feature, document, score, total (row,), where
    document is a place among the documents, score the maximum over the unit, total the sum over the document;
    bos (d_sae,).
    """

    document_positive: Bool[np.ndarray, " document"]
    tokens: Int[np.ndarray, " document"]
    bos_tokens: Int[np.ndarray, " document"]
    feature: Int[np.ndarray, " row"]
    document: Int[np.ndarray, " row"]
    score: Float[np.ndarray, " row"]
    total: Float[np.ndarray, " row"]
    bos: Float[np.ndarray, " d_sae"]


def covered_documents(
    atlas: Atlas, sae: int, positive: dict[int, str], control: dict[int, str]
) -> dict[int, bool] | None:
    """The documents that the SAE has encoded and summed: key -> is positive; None if a side is empty."""
    rows = atlas.rows("SELECT document FROM coverage WHERE sae = ? AND summed ORDER BY document", [sae])
    labels = {row[0]: row[0] in positive for row in rows if row[0] in positive or row[0] in control}
    return labels if set(labels.values()) == {True, False} else None


def read_scores(atlas: Atlas, sae: int, d_sae: int, labels: dict[int, bool], unit: Unit) -> Scores:
    keys = np.fromiter(labels, dtype=np.int32)
    chosen = pa.table({"document": keys, "place": np.arange(len(keys), dtype=np.int32)})
    with atlas.registered(chosen=chosen):
        sizes = atlas.arrow(
            """
            SELECT tokens, CASE WHEN prepend_bos THEN contexts ELSE 0 END AS bos_tokens
            FROM chosen
            JOIN coverage USING (document)
            JOIN sae USING (sae)
            JOIN tokenization USING (tokenization)
            WHERE sae = $sae
            ORDER BY place
            """,
            {"sae": sae},
        )
        score = {"document": "max_activation", "window": "window_max"}[unit]
        rows = atlas.arrow(
            f"""
            SELECT feature, place, {score} AS score, sum_activation
            FROM feature_document
            JOIN chosen USING (document)
            WHERE sae = $sae
            """,
            {"sae": sae},
        )
    on_bos = atlas.arrow("SELECT feature, activation FROM bos_activation WHERE sae = $sae", {"sae": sae})
    bos = np.zeros(d_sae)
    bos[on_bos["feature"].to_numpy()] = on_bos["activation"].to_numpy()
    return Scores(
        document_positive=np.fromiter(labels.values(), dtype=bool),
        tokens=sizes["tokens"].to_numpy(),
        bos_tokens=sizes["bos_tokens"].to_numpy(),
        feature=rows["feature"].to_numpy(),
        document=rows["place"].to_numpy(),
        score=rows["score"].to_numpy(),
        total=rows["sum_activation"].to_numpy(),
        bos=bos,
    )
