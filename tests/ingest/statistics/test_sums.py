"""Sums, histograms, tokens and examples against pandas and scipy on the raw rows, at once and bit by bit."""

import math
import shutil
from fractions import Fraction
from itertools import product
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
from ingest.statistics.sums import sum_corpora, unsummed_corpora
from schema import Atlas, open_atlas
from schema.errors import AtlasDamagedError

SUMS = (
    "feature_document",
    "feature_corpus",
    "feature_histogram",
    "feature_token",
    "feature_top_token",
    "feature_example",
    "sae_corpus",
)
RAW = """
    SELECT activation.*, document, corpus, sampled, content_hash, token_id
    FROM activation
    JOIN context USING (context)
    JOIN token USING (context, position)
    JOIN (SELECT document, corpus FROM document) AS owner USING (document)
"""
Draw = list[tuple[int, float]]


@pytest.fixture(scope="module")
def emptied(tiny: Path) -> Path:
    """The tiny atlas with its texts, but no activation and no sum."""
    with open_atlas(tiny) as atlas:
        for table in ("activation", *SUMS):
            atlas.rows(f"DELETE FROM {table}")
        atlas.rows("UPDATE coverage SET summed = false")
    return tiny


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


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    draw=st.lists(
        st.tuples(st.integers(1, 5), st.floats(2**-10, 2**10, width=32, allow_subnormal=False)), min_size=1, max_size=40
    ),
    limits=st.tuples(st.integers(10, 240), st.integers(1, 40), st.sampled_from([0, 40, 1_000_000])),
    kept=st.sampled_from([(sums.TOP_EXAMPLES, sums.OCTAVE_EXAMPLES), (2, 1)]),
)
def test_bit_by_bit_equals_all_at_once(
    emptied: Path, tmp_path: Path, draw: Draw, limits: tuple[int, int, int], kept: tuple[int, int]
) -> None:
    results = []
    for asked in ((1_000_000, 1_000_000, 0), limits):
        with open_atlas(shutil.copy(emptied, tmp_path / "copy.duckdb")) as atlas, pytest.MonkeyPatch.context() as few:
            few.setattr(sums, "TOP_EXAMPLES", kept[0])
            few.setattr(sums, "OCTAVE_EXAMPLES", kept[1])
            few.setattr(sums, "FOLD_ROWS", 20)
            fill(atlas, draw)
            assert len(list(sum_corpora(atlas, *asked))) == 6
            assert unsummed_corpora(atlas) == []
            results.append(tables(atlas))
    whole, bits = results
    for found in results:  # cubes cancel: what is left of them is as exact as what they were
        sums_of = found["feature_corpus"]
        sums_of["m3_active"] /= (sums_of["m2_active"] * sums_of["m4_active"]).pow(0.5).clip(lower=1e-9)
    for name in SUMS:
        pd.testing.assert_frame_equal(bits[name], whole[name], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("raised", "stay"), [(1_000_000, True), (0, False)])
def test_where_little_comes_rows_are_raised_where_they_lie(
    emptied: Path, tmp_path: Path, raised: int, stay: bool
) -> None:
    places = "SELECT sae, corpus, feature, token_id, rowid FROM feature_token ORDER BY ALL"
    with open_atlas(shutil.copy(emptied, tmp_path / "copy.duckdb")) as atlas:
        fill(atlas, [(1, 2.0), (2, 3.0)] * 200)
        ((later,),) = atlas.rows("SELECT CAST(MEDIAN(document) AS INTEGER) FROM coverage")
        atlas.rows("UPDATE coverage SET summed = true WHERE document >= ?", [later])
        list(sum_corpora(atlas, raised=raised))
        before = {row[:4]: row[4] for row in atlas.rows(places)}
        atlas.rows("UPDATE coverage SET summed = false WHERE document >= ?", [later])
        list(sum_corpora(atlas, raised=raised))
        after = {row[:4]: row[4] for row in atlas.rows(places)}
    assert set(before) < set(after)
    assert all(after[key] == place for key, place in before.items()) == stay


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
        for power in (2, 3, 4):
            powers = (
                active - active.mean()
            ) ** power  # of two activations, the third ones cancel but for their last bits
            assert row[f"m{power}_active"] == pytest.approx(powers.sum(), rel=1e-6, abs=1e-12 * np.abs(powers).sum())
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


def test_feature_top_token_counts_over_all_corpora(summed: Summed) -> None:
    found, raw = summed
    keys = ["sae", "feature", "token_id"]
    counted = raw.groupby(keys)["activation"].agg(active_tokens="size", sum_activation="sum").reset_index()
    order = ["active_tokens", "sum_activation", "token_id"]
    ranked = counted.sort_values(order, ascending=[False, False, True])
    ranked["rank"] = ranked.groupby(["sae", "feature"]).cumcount() + 1
    assert_equal(found["feature_top_token"], ranked[ranked["rank"] <= sums.TOP_TOKENS], ["sae", "feature", "rank"])


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


MAGNITUDES = (1e-20, 1e-9, 1.0, 100.0, 1e10)
SHAPES = {
    "spread": lambda draw, n: draw.gamma(0.5, size=n) + 0.01,
    "narrow": lambda draw, n: 1 + 1e-6 * draw.normal(size=n),
    "one other": lambda draw, n: 1 + 1e-6 * (np.arange(n) == draw.integers(n)),
    "constant": lambda draw, n: np.full(n, 0.71),
}


def exact_moments(values: np.ndarray) -> tuple[float | None, ...]:
    """Mean, std, skewness and kurtosis in fractions, rounded at the end."""
    n, numbers = len(values), list(map(Fraction, values.tolist()))
    mean = sum(numbers) / n
    second, third, fourth = (sum((value - mean) ** power for value in numbers) / n for power in (2, 3, 4))
    if not second:
        return float(mean), 0.0, None, None
    return float(mean), math.sqrt(second), third / second / math.sqrt(second), float(fourth / second**2)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000),
    sizes=st.tuples(st.integers(1, 80), st.integers(1, 200)),
    active=st.floats(0.05, 1),
)
def test_moments_hold_at_any_magnitude_and_split(
    emptied: Path, tmp_path: Path, seed: int, sizes: tuple[int, int], active: float
) -> None:
    draw = np.random.default_rng(seed)
    with open_atlas(shutil.copy(emptied, tmp_path / "copy.duckdb")) as atlas:
        places = atlas.arrow(
            "SELECT corpus, context, position FROM token JOIN context USING (context) JOIN document USING (document)"
        ).to_pandas()
        drawn = []
        for feature, (magnitude, shape) in enumerate(product(MAGNITUDES, SHAPES)):
            values = (magnitude * SHAPES[shape](draw, len(places))).astype(np.float32)
            fires = draw.permutation(len(places)) < active * len(places)
            drawn.append(places.assign(sae=0, feature=feature, activation=np.where(fires, values, 0)))
        every = pd.concat(drawn)
        rows = every[every["activation"] > 0].drop(columns="corpus").sample(frac=1, random_state=seed)
        with atlas.registered(rows=pa.Table.from_pandas(rows, preserve_index=False)):
            atlas.rows("INSERT INTO activation BY NAME SELECT * FROM rows")
        list(sum_corpora(atlas, *sizes))
        found = atlas.arrow("SELECT * FROM feature_corpus").to_pandas().set_index(["corpus", "feature"])
    for key, group in every.groupby(["corpus", "feature"])["activation"]:
        values = group.to_numpy(dtype=np.float64)
        if values.any():
            moments = [None if np.isnan(x) else x for x in found.loc[key, ["mean", "std", "skewness", "kurtosis"]]]
            assert moments == [x if x is None else pytest.approx(x, rel=1e-7, abs=1e-7) for x in exact_moments(values)]
            assert found.loc[key, "mean"] == pytest.approx(values.mean(), rel=1e-12, abs=0)
            assert found.loc[key, "std"] == pytest.approx(exact_moments(values)[1], rel=1e-7, abs=0)


def test_a_feature_that_never_varies_has_no_shape(emptied: Path, tmp_path: Path) -> None:
    with open_atlas(shutil.copy(emptied, tmp_path / "copy.duckdb")) as atlas:
        constants = "range(12) AS constants (f)"
        atlas.rows(f"INSERT INTO activation SELECT 0, f, context, position, 0.1 + 0.3 * f FROM token, {constants}")
        list(sum_corpora(atlas))
        assert set(atlas.rows("SELECT std, std_active, skewness, kurtosis FROM feature_corpus")) == {(0, 0, None, None)}


def test_summing_again_changes_nothing(atlas_copy: Path) -> None:
    with open_atlas(atlas_copy) as atlas:
        before = tables(atlas)
        assert list(sum_corpora(atlas)) == []
        after = tables(atlas)
    for name in SUMS:
        pd.testing.assert_frame_equal(before[name], after[name])


DAMAGES = {
    "all tokens": "DELETE FROM token",
    "tokens of a last window": "DELETE FROM token WHERE context = (SELECT MAX(context) FROM token)",
    "tokens of a middle window": "DELETE FROM token WHERE context = (SELECT MAX(context) // 2 FROM token)",
    "first tokens": "DELETE FROM token WHERE position = (SELECT MIN(position) FROM token)",
    "inner tokens": "DELETE FROM token WHERE position = 2",
    "doubled tokens": "INSERT INTO token SELECT * FROM token WHERE position = 1",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_activations_whose_tokens_are_not_there_are_refused(emptied: Path, tmp_path: Path, damage: str) -> None:
    with open_atlas(shutil.copy(emptied, tmp_path / "copy.duckdb")) as atlas:
        atlas.rows("INSERT INTO activation SELECT 0, 1, context, position, 1.5 FROM token")
        atlas.rows(DAMAGES[damage])
        with pytest.raises(AtlasDamagedError, match=r"tokens that it has not; .*atlas verify "):
            list(sum_corpora(atlas))


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "0"])
def test_what_is_no_activation_is_refused_in_one_line(emptied: Path, tmp_path: Path, wrong: str) -> None:
    with open_atlas(shutil.copy(emptied, tmp_path / "copy.duckdb")) as atlas:
        atlas.rows(f"INSERT INTO activation SELECT 0, 1, context, position, CAST('{wrong}' AS REAL) FROM token")
        with pytest.raises(AtlasDamagedError, match=r"copy\.duckdb holds .*: atlas (remove|verify) "):
            list(sum_corpora(atlas))
        assert atlas.rows("SELECT COUNT(*) FROM feature_document") == [(0,)]
