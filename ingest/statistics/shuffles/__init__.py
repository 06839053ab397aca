"""What a rank sum is where labels mean nothing: the distribution over exchanges of labels, exactly or nearly so."""

from ingest.statistics.shuffles.p_values import exchange_p
from ingest.statistics.shuffles.rank_lifts import Asked, Lifts, lifts_of
from ingest.statistics.shuffles.units import (
    Labelled,
    Rows,
    Units,
    labelled_units,
    mean_rows,
    of_units,
    relabel_units,
    shuffle_labels,
    units_of,
)

__all__ = [
    "Asked",
    "Labelled",
    "Lifts",
    "Rows",
    "Units",
    "exchange_p",
    "labelled_units",
    "lifts_of",
    "mean_rows",
    "of_units",
    "relabel_units",
    "shuffle_labels",
    "units_of",
]
