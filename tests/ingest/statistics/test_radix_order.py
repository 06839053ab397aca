"""Rows ordered by digits against numpy's own order of keys, and runs against groups of pandas."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ingest.statistics.radix_order import radix_order, run_lengths, run_starts

DRAWN = st.integers(0, 60).flatmap(
    lambda rows: st.tuples(
        arrays(np.int16, rows, elements=st.integers(-3, 3)),
        arrays(np.int32, rows, elements=st.sampled_from([-(2**30), -70_000, -1, 0, 65_535, 65_536, 2**30 - 1])),
        arrays(np.int64, rows, elements=st.integers(-(2**62), 2**62 - 1)),
    )
)


@given(DRAWN)
def test_the_order_is_that_of_whole_keys_and_stable(columns: tuple[np.ndarray, ...]) -> None:
    for used in (columns[:1], columns[:2], columns, columns[::-1]):
        if len(used[0]):
            assert radix_order(*used).tolist() == np.lexsort(used[::-1]).tolist()


@given(DRAWN)
def test_runs_are_what_is_alike_and_lies_together(columns: tuple[np.ndarray, ...]) -> None:
    if len(columns[0]):
        first, second = (column[radix_order(*columns[:2])] for column in columns[:2])
        sizes = pd.DataFrame({"first": first, "second": second}).groupby(["first", "second"]).size()
        start = run_starts(first, second)
        assert list(zip(first[start], second[start], strict=True)) == list(sizes.index)
        assert run_lengths(start, len(first)).tolist() == sizes.tolist()
