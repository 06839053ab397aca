"""What a rank sum is where labels mean nothing: the distribution over exchanges of labels, exactly or nearly so."""

from ingest.statistics.exchange.asked import Asked
from ingest.statistics.exchange.lifts import Lifts, lifts_of
from ingest.statistics.exchange.tails import exchange_p
from ingest.statistics.exchange.units import Rows, Units, of_units, shuffled, units_of

__all__ = ["Asked", "Lifts", "Rows", "Units", "exchange_p", "lifts_of", "of_units", "shuffled", "units_of"]
