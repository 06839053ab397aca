"""Windows summed in slices of any size against all of them at once, and against groups of pandas."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.statistics.sum_rows import NO_DOCUMENTS, Activations, Kept, SliceSums, Windows
from ingest.statistics.window_sums import sum_windows

KEPT = Kept(top=2, octave=1)
FEATURES = [0, 1, 65_535, 65_536, 2**20 - 1]
Drawn = tuple[Windows, Activations]


@st.composite
def drawn(draw: Any) -> Drawn:
    """Windows of a few documents of two corpora in turn, and what fires in them, in any order."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    document = np.sort(rng.integers(0, draw(st.integers(1, 5)), draw(st.integers(1, 12))))
    windows = Windows(
        context=rng.permutation(len(document)).astype(np.int32),
        corpus=(document % 2).astype(np.int32),
        document=document.astype(np.int32),
        sampled=rng.random(len(document)) < 0.5,
        content_hash=rng.integers(-3, 3, len(document)) * 2**60,
    )
    places = rng.permutation(len(document) * 6 * len(FEATURES))[: draw(st.integers(1, 80))]
    magnitude = draw(st.sampled_from([1.0, 2.0**-140, 2.0**100]))
    fired = Activations(
        feature=np.array(FEATURES, np.int32)[places % len(FEATURES)],
        window=(places // len(FEATURES) // 6).astype(np.int32),
        position=(places // len(FEATURES) % 6).astype(np.int16),
        token_id=rng.choice([5, 50_000, 70_000], len(places)).astype(np.int32),
        activation=(rng.choice([0.5, 1.0, 1.5, 3.0, 7.0], len(places)) * magnitude).astype(np.float32),
    )
    return windows, fired


def in_slices(windows: Windows, fired: Activations, cuts: list[int]) -> list[SliceSums]:
    given, unfinished = [], NO_DOCUMENTS
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(windows.document)}), len(windows.document)]
    for first, last in pairwise(edges):
        chosen = np.flatnonzero((fired.window >= first) & (fired.window < last))
        if len(chosen):
            part = fired.take(chosen)._replace(window=fired.window[chosen] - first)
            given.append(sum_windows(Windows(*(column[first:last] for column in windows)), part, unfinished, KEPT))
            unfinished = given[-1].unfinished
    return given


def frame(parts: list[Any]) -> pd.DataFrame:
    return pd.concat(pd.DataFrame(part._asdict()) for part in parts)


def raw(windows: Windows, fired: Activations) -> pd.DataFrame:
    of_window = pd.DataFrame(windows._asdict()).reset_index(names="window")
    return pd.DataFrame(fired._asdict()).merge(of_window, on="window").astype({"activation": float})


@settings(max_examples=40, deadline=None)
@given(drawn(), st.lists(st.integers(1, 12), max_size=4))
def test_documents_come_once_and_whole(both: Drawn, cuts: list[int]) -> None:
    given, rows = in_slices(*both, cuts), raw(*both)
    found = frame([*(part.documents for part in given), given[-1].unfinished]).set_index(["document", "feature"])
    groups = rows.groupby(["document", "feature"])["activation"]
    expected: Any = groups.agg(max_activation="max", sum_activation="sum", active_tokens="size")
    sampled = rows[rows["sampled"]].groupby(["document", "feature"])["activation"].max()
    expected["window_max"] = sampled.reindex(expected.index).fillna(0.0)
    assert list(found.index) == list(expected.index), "in the order of document and feature"
    pd.testing.assert_frame_equal(pd.DataFrame(found[list(expected)]), expected, check_dtype=False, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(drawn(), st.lists(st.integers(1, 12), max_size=4))
def test_what_slices_give_adds_up(both: Drawn, cuts: list[int]) -> None:
    given, rows = in_slices(*both, cuts), raw(*both)
    keys = ["corpus", "feature"]
    moments = frame([part.moments for part in given])
    added = moments.groupby(keys).agg({"documents": "sum", "active_tokens": "sum", "max_activation": "max"})
    groups = rows.groupby(keys)
    assert added["documents"].to_dict() == groups["document"].nunique().to_dict()
    assert added["active_tokens"].to_dict() == groups.size().to_dict()
    assert added["max_activation"].to_dict() == groups["activation"].max().to_dict()
    bins = frame([part.bins for part in given]).groupby([*keys, "bin"])["tokens"].sum()
    expected = rows.assign(bin=np.floor(8 * np.log2(rows["activation"])).astype(int)).groupby([*keys, "bin"]).size()
    assert bins.to_dict() == expected.to_dict()
    tokens = frame([part.tokens for part in given]).groupby([*keys, "token_id"])
    of_tokens = rows.groupby([*keys, "token_id"])["activation"]
    assert tokens["active_tokens"].sum().to_dict() == of_tokens.size().to_dict()
    pd.testing.assert_series_equal(tokens["sum_activation"].sum(), of_tokens.sum(), check_names=False, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(drawn(), st.lists(st.integers(1, 12), max_size=4))
def test_the_first_windows_are_among_those_that_slices_give(both: Drawn, cuts: list[int]) -> None:
    found, rows = frame([part.examples for part in in_slices(*both, cuts)]), raw(*both)
    strongest = rows.sort_values(["activation", "position"], ascending=[False, True])
    windows = strongest.drop_duplicates(["feature", "window"]).assign(
        octave=lambda each: np.floor(np.log2(each["activation"])).astype(int)
    )
    held = set(zip(found["feature"], found["context"], found["position"], found["octave"], strict=True))
    for _, group in windows.groupby(["corpus", "feature"]):
        ordered = group.sort_values(["activation", "content_hash"], ascending=[False, True], kind="stable")
        for each in ordered.itertuples():
            ahead = ordered[
                (ordered["activation"] > each.activation)
                | ((ordered["activation"] == each.activation) & (ordered["content_hash"] <= each.content_hash))
            ]
            drawn_first = group[(group["octave"] == each.octave) & (group["content_hash"] <= each.content_hash)]
            if len(ahead) <= KEPT.top or len(drawn_first) <= KEPT.octave:
                assert (each.feature, each.context, each.position, each.octave) in held
