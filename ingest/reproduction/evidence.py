"""What the contrasts of an atlas say of the features that the study's method prints."""

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from ingest.reproduction.faults.counted import SMALL_P, Survival
from ingest.reproduction.faults.named import Correlated
from ingest.reproduction.means import PRINTED, PromptMeans
from schema.statements import sql_file
from schema.store import Atlas

Result = tuple[int, int]
"""The keys of a contrast and of an SAE."""


def reproduced_contrast_key(atlas: Atlas, name: str, sae: int) -> int | None:
    """The contrast of that name, if it is stored for the SAE."""
    rows = atlas.rows(
        "SELECT contrast FROM contrast JOIN sae_contrast USING (contrast) WHERE name = ? AND sae = ?", [name, sae]
    )
    return int(rows[0][0]) if rows else None


def survival_of_printed(
    atlas: Atlas, result: Result, printed: Int[np.ndarray, " place"], matched: int | None
) -> Survival:
    """How many printed features each correction leaves; `matched` is the contrast of pairs that share a template."""
    contrast, sae = result
    values = {"contrast": contrast, "sae": sae, "matched": matched, "p": SMALL_P, "limit": PRINTED}
    with atlas.registered(printed=pa.table({"feature": printed.astype(np.int32)})):
        rows = atlas.rows(sql_file("ingest.reproduction", "survival"), values)
    at_q, family_wise, held, found, discovery, confirmed = rows[0]
    return Survival(
        len(printed),
        at_q,
        family_wise,
        None if matched is None else held,
        found,
        discovery or 0,
        confirmed if discovery else None,
    )


def compare_lengths(atlas: Atlas, result: Result) -> tuple[float, float, float]:
    """Median tokens of both sides, and p that they are alike."""
    rows = atlas.rows(
        """
        SELECT length_positive_median, length_control_median, length_p
        FROM sae_contrast
        WHERE contrast = ?
          AND sae = ?
        """,
        list(result),
    )
    positive, control, p = rows[0]
    return float(positive), float(control), float(p)


def reproduced_moment_correlations(atlas: Atlas, result: Result) -> list[Correlated]:
    """Every moment of the logit weights against every measure of meaning one thing, frequency held fixed."""
    rows = atlas.rows(
        """
        SELECT moment, evidence, rho_given_frequency, low_given_frequency, high_given_frequency
        FROM contrast_correlation
        WHERE contrast = ?
          AND sae = ?
        ORDER BY moment, evidence
        """,
        list(result),
    )
    return [
        Correlated(moment, evidence, *(np.nan if value is None else value for value in figures))
        for moment, evidence, *figures in rows
    ]


def reproduced_processing_difference(atlas: Atlas, result: Result, means: PromptMeans) -> float:
    """The largest |difference| of a mean under the study's processing from that of the stored activations."""
    rows = atlas.arrow(
        """
        SELECT feature, study_positive, study_control
        FROM feature_contrast
        WHERE contrast = $contrast
          AND sae = $sae
        """,
        {"contrast": result[0], "sae": result[1]},
    )
    furthest = 0.0
    for side, column in ((True, "study_positive"), (False, "study_control")):
        mean = means.means(bos=True, positive=side)
        stored = np.zeros(len(mean))
        stored[rows["feature"].to_numpy()] = rows[column].to_numpy()
        furthest = max(furthest, float(np.abs(stored - mean).max(initial=0.0)))
    return furthest


def reproduction_corpus_hashes(atlas: Atlas, corpus: str) -> list[str]:
    """The hashes of a corpus' texts, in order."""
    sql = "SELECT content_hash FROM document JOIN corpus USING (corpus) WHERE corpus.name = ? ORDER BY document"
    return [str(digest) for (digest,) in atlas.rows(sql, [corpus])]
