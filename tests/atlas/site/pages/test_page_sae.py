"""The page of an SAE: what it is, its plots, and how far to trust it."""

from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from atlas.site.pages.sae import sae_page_processing
from tests.made.activation_pages import Served, changed, serving
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


def test_numbers_and_classes_are_linked_with_their_pages_and_first_features(served: Served) -> None:
    held, page = served.get(f"{PAGE}.json").json()["associations"], unescape(served.get(PAGE).text)
    assert [(asked["name"], asked["question"]) for asked in held] == [
        ("years", "year of all documents"),
        ("domains", "domain=medicine, domain=everyday, domain=geography"),
    ]
    for asked in held:
        assert f'<a href="{asked["address"]}">{asked["name"]}</a>' in page
        first = served.get(asked["address"].replace("?", ".json?", 1)).json()["features"][0]
        assert (first["feature"], first["place_discovery"]) == (asked["best_feature"], 1)
        assert served.get(asked["best_address"]).status_code == 200


def test_quality_is_shown_where_it_was_evaluated(tmp_path: Path, tiny_snapshot: Path, served: Served) -> None:
    with serving(changed(tiny_snapshot, tmp_path / "without", "DELETE FROM sae_quality")) as without:
        assert without.get(f"{PAGE}.json").json()["quality"] == []
        assert "atlas evaluate ATLAS --sae tiny/blocks.1.hook_resid_pre" in without.get(PAGE).text
    measured = served.get(f"{PAGE}.json").json()["quality"]
    assert measured
    for row in measured:
        assert f"{row['ce_rise']:.3f}" in served.get(PAGE).text


WITHOUT = (
    "UPDATE feature SET logit_mean = NULL, logit_std = NULL, logit_skewness = NULL, logit_kurtosis = NULL",
    "UPDATE feature SET top_logits = '[]', bottom_logits = '[]'",
)


@pytest.mark.parametrize(
    ("mode", "hook_name", "meaning", "note"),
    [
        ("W_O", "blocks.1.attn.hook_z", "W_dec W_O W_U", "An earlier version left W_O out of them"),
        ("none", "blocks.1.ln1.hook_normalized", "written nowhere", "before the norm's gain and bias"),
        ("none", "blocks.1.hook_mlp_in", "written nowhere", "reads blocks.1.hook_mlp_in, which is written nowhere"),
    ],
)
def test_why_there_are_no_logit_weights(
    tmp_path: Path, tiny_snapshot: Path, mode: str, hook_name: str, meaning: str, note: str
) -> None:
    of_hook = f"UPDATE sae SET logit_weights = '{mode}', hook_name = '{hook_name}' WHERE sae = 0"
    with serving(changed(tiny_snapshot, tmp_path / "without", of_hook, *WITHOUT)) as without:
        page, feature = (unescape(without.get(path).text) for path in (PAGE, f"{PAGE.replace('/sae/', '/feature/')}/1"))
        held = without.get(f"{PAGE}.json").json()
        assert meaning in held["logit_weights_meaning"]
        assert any(note in one for one in held["notes"])
        assert note in page
        assert held["notes"][0] in page
        assert held["notes"][0] in feature
        assert "Moments of its logit weights" not in feature
        assert "Skewness against kurtosis" not in page


def test_where_a_norm_is_read_it_says_what_changed(tmp_path: Path, tiny_snapshot: Path) -> None:
    """Of a LayerNorm: an RMSNorm's hook stands where it stood."""
    hook = "UPDATE sae SET hook_name = 'blocks.1.ln2.hook_normalized', logit_weights = 'none'"
    llama = "UPDATE model SET architecture = 'LlamaForCausalLM'"
    for name, statements, expected in (("gpt2", (hook,), True), ("llama", (hook, llama), False)):
        with serving(changed(tiny_snapshot, tmp_path / name, *statements)) as pages:
            notes = pages.get(f"{PAGE}.json").json()["notes"]
            assert any("TransformerLens 2" in note for note in notes) is expected


@pytest.mark.parametrize(
    ("length", "config", "expected"),
    [
        (1.0, "{}", None),
        (2.0, "{}", "SAEDashboard, Neuronpedia"),
        (2.0, '{"rescale_acts_by_decoder_norm": true}', "as its settings ask"),
        (2.0, None, "SAEDashboard, Neuronpedia"),
    ],
)
def test_where_decoder_rows_are_no_unit_vectors_it_says_so(
    tmp_path: Path, tiny_snapshot: Path, length: float, config: str | None, expected: str | None
) -> None:
    settings = "NULL" if config is None else f"'{config}'"
    rows = f"UPDATE feature SET decoder_norm = {length}", f"UPDATE sae SET config = {settings}"
    with serving(changed(tiny_snapshot, tmp_path / "other", *rows)) as pages:
        notes = pages.get(f"{PAGE}.json").json()["notes"]
        assert (expected is None and notes == []) or (expected is not None and expected in notes[0])


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE sae SET trained_as = 'batchtopk'", "standard, saved from batchtopk, as which it was trained"),
        ("ALTER TABLE sae DROP COLUMN trained_as", None),
    ],
)
def test_what_it_was_saved_from_is_told(tmp_path: Path, tiny_snapshot: Path, statement: str, said: str | None) -> None:
    """Snapshots of before version 19 have no such column."""
    with serving(changed(tiny_snapshot, tmp_path / "changed", statement)) as other:
        held, page = other.get(f"{PAGE}.json").json(), other.get(PAGE).text
        assert held["trained_as"] == (said and "batchtopk")
        assert ("saved from" in page) == bool(said)
        assert (said or "") in page


def test_an_sae_that_is_not_here(served: Served) -> None:
    assert "it holds: tiny/blocks.1.hook_resid_pre" in served.get("/sae/gpt2-small-res-jb/blocks.8", 404).text


def test_processing_in_words() -> None:
    done = {"center_writing_weights": 0, "fold_ln": 1, "center_unembed": 1, "precision": "bfloat16"}
    assert sae_page_processing(done) == [
        "LayerNorm folded into the weights that follow it",
        "unembedding centred over the vocabulary",
        "linear maps of the blocks multiplied in bfloat16",
    ]
