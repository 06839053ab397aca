"""How tables open in Datasette: what a page costs does not grow with the table."""

from atlas.publish.browsing import BROWSING, FACETED_ROWS, Browsing
from atlas.publish.metadata import describe_databases

COUNTS = {"atlas": {"example": FACETED_ROWS + 1, "document": 10}, "activations": {"document": 10}}


def test_long_tables_open_without_facets() -> None:
    assert Browsing(facets=("sae",), size=20).of_size(FACETED_ROWS) == Browsing(facets=("sae",), size=20)
    assert Browsing(facets=("sae",), size=20).of_size(FACETED_ROWS + 1) == Browsing(size=20)
    atlas, activations = describe_databases(COUNTS)
    assert atlas.browsing("example").facets == ()
    assert atlas.browsing("document") == BROWSING["document"]
    assert activations.browsing("document").facets == (), "a worker is asked for each facet"
