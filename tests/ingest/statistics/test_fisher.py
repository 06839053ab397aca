"""Fisher's exact test against scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ingest.statistics.fisher import fisher_exact


@settings(max_examples=60, deadline=None)
@given(data=st.data(), n_positive=st.integers(1, 60), n_control=st.integers(1, 60))
def test_it_equals_scipy(data: st.DataObject, n_positive: int, n_control: int) -> None:
    fires_positive = np.array(data.draw(st.lists(st.integers(0, n_positive), min_size=3, max_size=3)))
    fires_control = np.array(data.draw(st.lists(st.integers(0, n_control), min_size=3, max_size=3)))
    found = fisher_exact(fires_positive, fires_control, (n_positive, n_control))
    for p, hits, misses in zip(found, fires_positive, fires_control, strict=True):
        table = [[hits, n_positive - hits], [misses, n_control - misses]]
        assert p == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-9)


def test_large_groups_keep_small_p() -> None:
    found = fisher_exact(np.array([400, 7]), np.array([20, 7]), (1000, 1000))
    assert found[0] == pytest.approx(stats.fisher_exact([[400, 600], [20, 980]]).pvalue, rel=1e-9)
    assert found[0] < 1e-90
    assert found[1] == pytest.approx(1)


def test_what_never_or_always_fires_says_nothing() -> None:
    assert fisher_exact(np.array([0, 5]), np.array([0, 9]), (5, 9)).tolist() == [1, 1]
