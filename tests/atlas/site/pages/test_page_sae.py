"""The page of an SAE: what it is, its plots, and how far to trust it."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from html import unescape
from pathlib import Path

import pytest

from atlas.site.pages.sae import processing
from tests.made.activation_pages import Served, serving
from tests.made.tiny_atlas import FEATURES

PAGE = "/sae/tiny/blocks.1.hook_resid_pre"


@pytest.fixture(scope="module")
def served(tiny_snapshot: Path) -> Iterator[Served]:
    with serving(tiny_snapshot) as found:
        yield found


def test_it_says_what_the_sae_is(served: Served) -> None:
    held, page = served.get(f"{PAGE}.json").json(), served.get(PAGE).text
    assert (held["name"], held["hook_layer"], held["d_sae"]) == ("tiny/blocks.1.hook_resid_pre", 1, FEATURES)
    assert held["weights_sha256"] in page
    assert held["processing"] == ["weights that write to the residual stream centred"]
    assert "weights that write to the residual stream centred" in page
    assert "<script" not in page
    assert " style=" not in page


def test_its_plots_are_the_studys(served: Served) -> None:
    held, page = served.get(f"{PAGE}.json").json(), unescape(served.get(PAGE).text)
    assert set(held["charts"]) == {"skewness", "kurtosis", "sparsity", "scatter"}
    for chart in held["charts"].values():
        assert f'alt="{chart["alt"]}"' in page
        assert served.get(chart["address"]).headers["content-type"].startswith("image/svg+xml")
        assert served.get(chart["rows"]).status_code == 200


def test_the_corpora_are_those_that_it_read(served: Served) -> None:
    corpora = {row["name"]: row for row in served.get(f"{PAGE}.json").json()["corpora"]}
    fired = served.get("/atlas/feature_corpus.json?_shape=array&_size=max&sae=0&active_tokens__gt=0").json()
    for row in served.get("/atlas/sae_corpus.json?_shape=array&sae=0&_labels=on").json():
        found = corpora[row["corpus"]["label"]]
        features = sum(one["corpus"] == row["corpus"]["value"] for one in fired)
        assert found["l0"] == row["activations"] / row["tokens"]
        assert (found["tokens"], found["features_fired"]) == (row["tokens"], features)
        assert found["dead_share"] == 1 - features / FEATURES


def test_the_densest_features_are_linked(served: Served) -> None:
    held = served.get(f"{PAGE}.json").json()
    densities = [row["density"] for row in held["densest"]]
    assert densities == sorted(densities, reverse=True)
    assert held["densest"][0]["feature"] == 0
    assert densities[0] == 1.0
    assert served.get(held["densest"][0]["address"]).status_code == 200


def test_its_contrasts_are_linked_with_the_best_feature(served: Served) -> None:
    (contrast,) = served.get(f"{PAGE}.json").json()["contrasts"]
    best = served.get(contrast["address"].replace("?", ".json?")).json()["candidates"][0]
    assert (contrast["best_feature"], contrast["best_auroc"]) == (best["feature"], best["auroc"])


def test_quality_is_shown_where_it_was_evaluated(tmp_path: Path, tiny_snapshot: Path, served: Served) -> None:
    shutil.copytree(tiny_snapshot, tmp_path / "without")
    with closing(sqlite3.connect(tmp_path / "without" / "atlas.db")) as database, database:
        database.execute("DELETE FROM sae_quality")
    with serving(tmp_path / "without") as without:
        assert without.get(f"{PAGE}.json").json()["quality"] == []
        assert "atlas evaluate ATLAS --sae tiny/blocks.1.hook_resid_pre" in without.get(PAGE).text
    measured = served.get(f"{PAGE}.json").json()["quality"]
    assert measured
    for row in measured:
        assert f"{row['ce_rise']:.3f}" in served.get(PAGE).text


def test_an_sae_that_is_not_here(served: Served) -> None:
    assert "it holds: tiny/blocks.1.hook_resid_pre" in served.get("/sae/gpt2-small-res-jb/blocks.8", 404).text


def test_processing_in_words() -> None:
    done = {"center_writing_weights": 0, "fold_ln": 1, "center_unembed": 1}
    assert processing(done) == [
        "LayerNorm folded into the weights that follow it",
        "unembedding centred over the vocabulary",
    ]
