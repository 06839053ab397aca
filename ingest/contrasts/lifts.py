"""The figures of feature_lift: a feature on the tokens of both sides, over all documents and over each half."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int
from scipy.sparse import csr_array

from ingest.contrasts.feature_columns import Columns, features_tested
from ingest.contrasts.scores import Documents, Scores
from ingest.statistics.lift import Rates, Sides, rates_per_token
from schema.store import Atlas

PARTS = ("all", "discovery", "confirmation")
CELLS = 1 << 22
"""Amounts of features on every document that are in memory at a time, of each kind."""

CORPORA = "corpus IN (SELECT corpus FROM document JOIN chosen USING (document))"


@dataclass(frozen=True)
class Words:
    """The tokens of the documents of a contrast, and of the corpora it draws from.

    Shapes: token_id (word,), ascending; counts (word, document); held (word,), occurrences in the corpora.
    """

    token_id: Int[np.ndarray, " word"]
    counts: csr_array
    held: Float[np.ndarray, " word"]

    @classmethod
    def read(cls, atlas: Atlas, sae: int, documents: Documents) -> Self:
        """Count them."""
        with atlas.registered(chosen=_chosen(documents)):
            rows = atlas.arrow(
                f"""
                SELECT token_id, COALESCE(place, -1) AS place, CAST(COUNT(*) AS DOUBLE) AS n
                FROM coverage
                JOIN document USING (document)
                JOIN context USING (document)
                JOIN token USING (context)
                LEFT JOIN chosen USING (document)
                WHERE sae = $sae
                  AND summed
                  AND tokenization = (SELECT tokenization FROM sae WHERE sae = $sae)
                  AND {CORPORA}
                GROUP BY ALL
                ORDER BY token_id, place
                """,
                {"sae": sae},
            )
        every, place, n = (rows[name].to_numpy() for name in ("token_id", "place", "n"))
        first = np.flatnonzero(np.diff(every, prepend=-1))
        chosen = place >= 0
        start = np.concatenate([[0], np.cumsum(chosen)])[[*first, len(every)]]
        cells = (n, place) if chosen.all() else (n[chosen], place[chosen])
        counts = csr_array((*cells, start), shape=(len(first), len(documents)))
        return cls(every[first], counts, np.add.reduceat(n, first) if len(first) else n)


class TokenLifts:
    """What is needed to compute the lifts of one range of features after the other."""

    def __init__(self, atlas: Atlas, sae: int, documents: Documents) -> None:
        self.atlas, self.sae, self.documents = atlas, sae, documents
        self.words = Words.read(atlas, sae, documents)
        parts = np.ones(len(documents), bool), ~documents.confirmation, documents.confirmation
        sides = documents.positive, documents.group, documents.tokens
        self.sides = {name: Sides.of(*sides, inside) for name, inside in zip(PARTS, parts, strict=True)}

    def columns(self, scores: Scores) -> Columns:
        """A row for each tested feature of the range and each part of the documents."""
        shape, places = (len(scores), len(scores.documents)), (scores.feature, scores.document)
        fired, mass = (csr_array((of.astype(float), places), shape=shape) for of in (scores.active, scores.total))
        chances, chosen = self._chances(scores), np.flatnonzero(features_tested(scores))
        rows: list[Columns] = []
        size = max(1, CELLS // max(1, len(scores.documents)))
        for block in np.split(chosen, range(size, len(chosen), size)):
            feature = (scores.features.start + block).astype(np.int32)
            amounts = [of.toarray() for of in (fired[block], mass[block], chances[block] @ self.words.counts)]
            for part, sides in self.sides.items():
                named = {"feature": feature, "part": np.full(len(block), part, object)}
                rows.append(named | _figures(*(rates_per_token(of, sides) for of in amounts)))
        return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}

    def _chances(self, scores: Scores) -> csr_array:
        """How often each feature of the range fires on a word that is there, in the corpora: (feature, word)."""
        first = scores.features.start
        with self.atlas.registered(chosen=_chosen(self.documents)):
            rows = self.atlas.arrow(
                f"""
                SELECT feature - $first AS feature, token_id, SUM(active_tokens) AS n
                FROM feature_token
                WHERE sae = $sae
                  AND feature BETWEEN $first AND $last
                  AND {CORPORA}
                GROUP BY ALL
                """,
                {"sae": self.sae, "first": first, "last": scores.features.stop - 1},
            )
        word = np.searchsorted(self.words.token_id, rows["token_id"].to_numpy())
        chance = rows["n"].cast(pa.float64()).to_numpy() / self.words.held[word]
        shape = (len(scores), len(self.words.token_id))
        return csr_array((chance, (rows["feature"].to_numpy(), word)), shape=shape)


def _figures(fired: Rates, mass: Rates, expected: Rates) -> Columns:
    """Each figure with its interval as three columns."""
    figures = {
        "density_positive": fired.positive,
        "density_control": fired.control,
        "lift": fired.lift,
        "word_lift": expected.lift,
        "mass_lift": mass.lift,
        "mass_share": mass.share,
    }
    named: Columns = {}
    for name, estimate in figures.items():
        named |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return named


def _chosen(documents: Documents) -> pa.Table:
    return pa.table({"document": documents.key, "place": np.arange(len(documents), dtype=np.int32)})
