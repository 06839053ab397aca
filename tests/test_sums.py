"""Sums, histograms, tokens and examples against pandas and scipy on the raw rows, at once and bit by bit."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from ingest.statistics import sums
from ingest.statistics.sums import pending, sum_pending
from schema import Atlas, open_atlas
from tests.tiny_atlas import build_tiny_atlas

SUMS = ("feature_document", "feature_corpus", "feature_histogram", "feature_token", "feature_example", "sae_corpus")
RAW = """
    SELECT activation.*, document, corpus, sampled, content_hash, token_id
    FROM activation
    JOIN context USING (context)
    JOIN token USING (context, position)
    JOIN (SELECT document, corpus FROM document) AS owner USING (document)
"""
Draw = list[tuple[int, float]]


@pytest.fixture(scope="module")
def emptied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny atlas with its texts, but no activation and no sum."""
    path = tmp_path_factory.mktemp("sums") / "tiny.duckdb"
    build_tiny_atlas(path)
    with open_atlas(path) as atlas:
        for table in ("activation", *SUMS):
            atlas.rows(f"DELETE FROM {table}")
        atlas.rows("UPDATE coverage SET summed = false")
    return path


def fill(atlas: Atlas, draw: Draw) -> None:
    """Activations of both SAEs: the tokens in order, each pair a step to the next one that fires and how strongly."""
    places = atlas.rows("SELECT sae, context, position FROM token JOIN context USING (context), sae ORDER BY ALL")
    rows, place = [], 0
    for number, (step, activation) in enumerate(draw * 6):
        place += step
        if place < len(places):
            rows.append((places[place][0], number % 4, *places[place][1:], activation))
    frame = pd.DataFrame(rows, columns=["sae", "feature", "context", "position", "activation"])
    with atlas.registered(frame=pa.Table.from_pandas(frame.drop_duplicates(frame.columns[:4]))):
        atlas.rows("INSERT INTO activation BY NAME SELECT * FROM frame ORDER BY context, position, feature")


def tables(atlas: Atlas) -> dict[str, pd.DataFrame]:
    return {name: atlas.arrow(f"SELECT * FROM {name} ORDER BY ALL").to_pandas() for name in SUMS}


def assert_equal(ours: pd.DataFrame, theirs: pd.DataFrame, keys: list[str]) -> None:
    """The same rows by key, numbers to 1e-9."""
    ours, theirs = (frame.set_index(keys).sort_index() for frame in (ours, theirs))
    pd.testing.assert_frame_equal(
        ours[list(theirs.columns)], theirs, check_dtype=False, check_index_type=False, rtol=1e-9, atol=1e-12
    )


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    draw=st.lists(
        st.tuples(st.integers(1, 5), st.floats(2**-10, 2**10, width=32, allow_subnormal=False)), min_size=1, max_size=40
    ),
    sum_tokens=st.integers(10, 60),
)
def test_bit_by_bit_equals_all_at_once(
    emptied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, draw: Draw, sum_tokens: int
) -> None:
    results = []
    for limit in (1_000_000, sum_tokens):
        monkeypatch.setattr(sums, "SUM_TOKENS", limit)
        with open_atlas(shutil.copy(emptied, tmp_path / "copy.duckdb")) as atlas:
            fill(atlas, draw)
            assert len(list(sum_pending(atlas))) == 6
            assert pending(atlas) == []
            results.append(tables(atlas))
    whole, parts = results
    for name in SUMS:
        pd.testing.assert_frame_equal(parts[name], whole[name], rtol=1e-9, atol=1e-9)


@pytest.fixture(scope="module")
def summed(bundled_atlas: Path) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """The sums of an ingested atlas, and its raw rows."""
    with open_atlas(bundled_atlas, read_only=True) as atlas:
        return tables(atlas), atlas.arrow(RAW).to_pandas().astype({"activation": float})


Summed = tuple[dict[str, pd.DataFrame], pd.DataFrame]


def test_feature_document(summed: Summed) -> None:
    found, raw = summed
    groups = raw.groupby(["sae", "feature", "document"])["activation"]
    expected = groups.agg(max_activation="max", sum_activation="sum", active_tokens="size")
    sampled = raw[raw["sampled"]].groupby(["sae", "feature", "document"])["activation"].max()
    expected["window_max"] = sampled.reindex(expected.index).fillna(0.0)
    assert_equal(found["feature_document"], expected.reset_index(), ["sae", "feature", "document"])


def test_sae_corpus(summed: Summed, bundled_atlas: Path) -> None:
    found, raw = summed
    with open_atlas(bundled_atlas, read_only=True) as atlas:
        windows = atlas.arrow("SELECT corpus, document, tokens FROM context JOIN document USING (document)").to_pandas()
    expected = windows.groupby("corpus").agg(
        documents=("document", "nunique"), contexts=("tokens", "size"), tokens=("tokens", "sum")
    )
    expected["activations"] = raw.groupby("corpus").size()
    assert_equal(found["sae_corpus"], expected.reset_index().assign(sae=0), ["sae", "corpus"])


def test_feature_corpus_holds_the_moments_over_all_tokens(summed: Summed) -> None:
    found, raw = summed
    sizes = found["sae_corpus"].set_index("corpus")["tokens"]
    ours = found["feature_corpus"].set_index(["corpus", "feature"]).sort_index()
    groups: Any = raw.groupby(["corpus", "feature"])
    assert list(ours.index) == sorted(groups.groups)
    for (corpus, feature), rows in list(groups)[::397]:
        row, active = ours.loc[(corpus, feature)], rows["activation"].to_numpy()
        every = np.concatenate([active, np.zeros(sizes[corpus] - len(active))])
        assert row["documents"] == rows["document"].nunique()
        assert row["active_tokens"] == len(active)
        assert row["max_activation"] == active.max()
        for power in (1, 2, 3, 4):
            assert row[f"sum_{power}"] == pytest.approx((active**power).sum(), rel=1e-9)
        expected = {
            "density": (every > 0).mean(),
            "mean": every.mean(),
            "std": every.std(),
            "skewness": stats.skew(every),
            "kurtosis": stats.kurtosis(every, fisher=False),
            "mean_active": active.mean(),
        }
        assert dict(row[list(expected)]) == pytest.approx(expected, rel=1e-9)
        assert row["std_active"] == pytest.approx(active.std(), rel=1e-6, abs=1e-6 * active.max())


def test_feature_histogram_has_eight_bins_an_octave(summed: Summed) -> None:
    found, raw = summed
    bins = np.floor(8 * np.log2(raw["activation"])).astype(int).rename("bin")
    keys = ["sae", "corpus", "feature", "bin"]
    expected = raw.assign(bin=bins).groupby(keys).size().rename("tokens").reset_index()
    assert_equal(found["feature_histogram"], expected, keys)


def test_feature_token(summed: Summed) -> None:
    found, raw = summed
    keys = ["sae", "corpus", "feature", "token_id"]
    expected = raw.groupby(keys)["activation"].agg(active_tokens="size", sum_activation="sum").reset_index()
    assert_equal(found["feature_token"], expected, keys)


def test_feature_example_has_the_top_windows_and_a_sample_of_every_octave(summed: Summed) -> None:
    found, raw = summed
    strongest = raw.sort_values(["activation", "position"], ascending=[False, True])
    windows = strongest.drop_duplicates(["corpus", "feature", "context"])
    windows = windows.assign(octave=np.floor(np.log2(windows["activation"])).astype(int))
    top = windows.sort_values(["activation", "content_hash"], ascending=[False, True])
    top = top.assign(sampling="top", rank=top.groupby(["corpus", "feature"]).cumcount() + 1)
    octave = windows.sort_values("content_hash")
    octave = octave.assign(sampling="octave", rank=octave.groupby(["corpus", "feature", "octave"]).cumcount() + 1)
    expected = pd.concat([top[top["rank"] <= sums.TOP_EXAMPLES], octave[octave["rank"] <= sums.OCTAVE_EXAMPLES]])
    keys = ["sae", "corpus", "feature", "sampling", "octave", "rank"]
    assert_equal(found["feature_example"], expected[[*keys, "context", "position", "activation"]], keys)


def test_a_feature_that_never_varies_has_no_shape(emptied: Path, tmp_path: Path) -> None:
    with open_atlas(shutil.copy(emptied, tmp_path / "copy.duckdb")) as atlas:
        constants = "range(12) AS constants (f)"
        atlas.rows(f"INSERT INTO activation SELECT 0, f, context, position, 0.1 + 0.3 * f FROM token, {constants}")
        list(sum_pending(atlas))
        assert set(atlas.rows("SELECT skewness, kurtosis FROM feature_corpus")) == {(None, None)}
        assert max(atlas.rows("SELECT std, std_active FROM feature_corpus")) < (1e-6, 1e-6)


def test_summing_again_changes_nothing(atlas_copy: Path) -> None:
    with open_atlas(atlas_copy) as atlas:
        before = tables(atlas)
        assert list(sum_pending(atlas)) == []
        after = tables(atlas)
    for name in SUMS:
        pd.testing.assert_frame_equal(before[name], after[name])
