"""The file of results: each benchmark has one part, and renewing it leaves the others as they are."""

from tests.bench.__main__ import HEADING, merged, names


def test_a_part_is_renewed_and_the_others_stay() -> None:
    first = merged("", {"serve": "## serve\n\nmachine\n\nold\n", "ingest": "## ingest\n\nmachine\n\n| a |\n"})
    assert first.index("## ingest") < first.index("## serve")
    again = merged(first, {"serve": "## serve\n\nmachine\n\nnew\n"})
    assert again == first.replace("old", "new")
    assert again.startswith(HEADING)
    assert merged(again, {}) == again


def test_every_benchmark_is_found_by_its_name() -> None:
    assert {"ingest", "memory", "serve"} <= set(names())
