"""What a rank sum is where labels mean nothing: the distribution over exchanges of labels, exactly or nearly so."""

from ingest.statistics.shuffles.p_values import exchange_p
from ingest.statistics.shuffles.rank_lifts import Asked, Lifts, rank_lifts
from ingest.statistics.shuffles.units import (
    Labelled,
    Rows,
    Units,
    labelled_units,
    relabel_units,
    shuffle_labels,
    shuffled_units,
    unit_mean_scores,
    unit_scores,
)

__all__ = [
    "Asked",
    "Labelled",
    "Lifts",
    "Rows",
    "Units",
    "exchange_p",
    "labelled_units",
    "rank_lifts",
    "relabel_units",
    "shuffle_labels",
    "shuffled_units",
    "unit_mean_scores",
    "unit_scores",
]
