"""Whether heads look elsewhere in the positive documents of a contrast than in its control ones.

Each head and measure is a test; labels are exchanged as in the contrast of features (`ingest.statistics.shuffles`), so
that documents of one group stand together and matched documents exchange among themselves. Labels are exchanged among
texts of like length alone: every weight depends on how many tokens it is shared among. So does the AUROC over all
documents; beside it stands that within lengths, with the p of van Elteren's test, which compares like with like only.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from ingest.contrasts.feature_columns import contrast_column_q
from ingest.contrasts.null import SEED
from ingest.contrasts.scores import Documents
from ingest.statistics.permutation import (
    Tails,
    observed_p,
    q_not_below_permuted_chance,
    shuffled_tails,
    smallest_p_by_shuffle,
)
from ingest.statistics.rank_sum import rank_sum
from ingest.statistics.shuffles import Units, rank_lifts, shuffle_labels, shuffled_units, unit_scores
from ingest.statistics.stratified import length_classes, stratified_rank_sum

LEAST = 5
"""Documents of a side, and groups, that a measure needs to be compared."""
SHUFFLES = 200
ALIKE = 8
"""Documents of like length that labels are exchanged among, where they are not of one length."""

Values = Float[np.ndarray, "document cell"]
Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Cells:
    """Numbers of some documents, NaN where a document has none.

    Shapes: values (document, cell); group, positive, stratum (document,).
    """

    values: Values
    group: np.ndarray
    positive: Bool[np.ndarray, " document"]
    stratum: Int[np.ndarray, " document"]


def compare_sides(measures: dict[str, Values], documents: Documents, shuffles: int = SHUFFLES) -> dict[str, Columns]:
    """The columns of each measure's cells; a measure that too few documents have is left out.

    Shapes: measures, each (document, cell); columns, each (cell,).
    """
    found: dict[str, Columns] = {}
    tails: list[Tails] = []
    tests = 0
    for name, values in measures.items():
        cells = _held(values, documents)
        if cells is None:
            continue
        found[name], own = _tested(cells, shuffles)
        tails.append(own._replace(feature=own.feature + tests))
        tests += values.shape[1]
    if not found:
        return found
    p = np.concatenate([columns["p"] for columns in found.values()])
    joined = Tails(*(np.concatenate(parts) for parts in zip(*tails, strict=True)))
    q = contrast_column_q(p, np.ones(tests, dtype=bool))
    if shuffles:
        q = q_not_below_permuted_chance(q, smallest_p_by_shuffle(joined, tests, shuffles).min_q)
    q = np.maximum(np.minimum(q, 1), p)
    for columns, own_q in zip(found.values(), np.split(q, len(found)), strict=True):
        columns["q"] = own_q
    return found


def _held(values: Values, documents: Documents) -> Cells | None:
    """The documents that have the measure; None where they are too few."""
    inside = np.isfinite(values).all(axis=1)
    group, positive = documents.group[inside], documents.positive[inside]
    cells = Cells(values[inside], group, positive, _alike(documents.length[inside], group, positive))
    sides = (cells.positive, ~cells.positive)
    return cells if min(len(np.unique(cells.group[side])) for side in sides) >= LEAST else None


def _alike(
    length: Int[np.ndarray, " document"], group: Int[np.ndarray, " document"], positive: Bool[np.ndarray, " document"]
) -> Int[np.ndarray, " document"]:
    """The stratum of each document: its very length where its group is on both sides or lengths are few, else the like.

    A term that is a token longer than what it is matched with would be found by every head that looks everywhere.
    """
    most = max(len(length) // ALIKE, 1)
    classes = length if len(np.unique(length)) <= most else length_classes(length, most)
    member = np.unique(group, return_inverse=True)[1]
    share = np.bincount(member, weights=positive) / np.bincount(member)
    mixed = ((share > 0) & (share < 1))[member]
    return np.where(mixed, length, -1 - classes)


def _tested(cells: Cells, shuffles: int) -> tuple[Columns, Tails]:
    """Means, AUROC and p of each cell, over all and within lengths, and the small p of shuffles."""
    n_documents, n_cells = cells.values.shape
    cell, document = (place.ravel() for place in np.meshgrid(np.arange(n_cells), np.arange(n_documents), indexing="ij"))
    score = cells.values.T.ravel().astype(np.float32)
    some = score > 0
    cell, document, score = cell[some], document[some], score[some]
    units = shuffled_units(cells.group, cells.positive, cells.stratum)
    rows = unit_scores(cell, document, score, units)
    lifts = rank_lifts(rows, units, n_cells)
    alike = stratified_rank_sum(rows.feature, rows.score, rows.unit, units.positive, units.stratum, n_cells)
    sizes = int(cells.positive.sum()), int((~cells.positive).sum())
    columns = {
        "documents_positive": np.full(n_cells, sizes[0], np.int32),
        "documents_control": np.full(n_cells, sizes[1], np.int32),
        "mean_positive": cells.values[cells.positive].mean(axis=0),
        "mean_control": cells.values[~cells.positive].mean(axis=0),
        "auroc": rank_sum(cell, score, cells.positive[document], sizes, n_cells).auroc,
        "auroc_length": alike.auroc,
        "p_length": np.where(np.isfinite(alike.auroc), alike.p, np.nan),
        "p": observed_p(lifts, units),
    }
    return columns, shuffled_tails(lifts, units, _labels(units, shuffles), np.ones(n_cells, dtype=bool))


def _labels(units: Units, shuffles: int) -> Bool[np.ndarray, "unit shuffle"]:
    labels = np.zeros((len(units.positive), shuffles), dtype=bool)
    for shuffle in range(shuffles):
        labels[:, shuffle] = shuffle_labels(units, SEED, shuffle + 1)
    return labels
