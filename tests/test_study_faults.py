"""The study's first three faults, which no command makes: numbers from one, one SAE for another, another's label.

`atlas reproduce` runs on three SAEs' stand-ins of one model, and what it stores, prints and shows of a feature is held
against Hugging Face's model and SAELens' encoder.
"""

import json
import re
import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kurtosis, skew

from atlas.publish import publish
from ingest.models.names import is_of_another_block
from schema import open_atlas
from schema.tables import metadata
from tests.made.activation_pages import Served, serving
from tests.made.commands import asked, attempt, commands, run
from tests.made.published_release import D_SAE, LISTS, Reference, hook, save_release, write_labels
from tests.made.study_method import study_list, study_logits
from tests.made.study_notebook import POSITIVE, write_notebook
from tests.test_identity import FEW

LAYERS = (2, 0)
"""The SAE that is measured, and the one that is loaded in its place."""
TEXT = POSITIVE[0]
PROMPT = ("--text", TEXT)
PAIR = ("--pair", POSITIVE[0], POSITIVE[2])
SETS = ("--positive", "study/prompts_med", "--control", "study/prompts_no_med")
LANGUAGE_MODEL = ("--url", "http://127.0.0.1:9/v1", "--model", "none")
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "circuit ablate": SETS,
    "circuit attention": ("--documents", "study/prompts_med"),
    "circuit direct": PROMPT,
    "circuit graph": PROMPT,  # and the atlas' other SAEs
    "circuit patch": PAIR,
    "circuit pattern": (*PROMPT, "--layer", "0", "-o", "pattern.svg"),
    "circuit steer": PROMPT,
    "evaluate": ("--corpus", "study/prompts_med"),
    "explain feature": PROMPT,
    "explain logit": PROMPT,
    "explain token": PROMPT,
    "find": PROMPT,
    "ingest": ("bundled:medical",),
    "label ask": LANGUAGE_MODEL,
    "label judge": LANGUAGE_MODEL,
    "quick-list": ("listed",),
    "reproduce": (),
}
"""What each command that reads an SAE, or takes a feature, needs besides an atlas."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release, and an atlas in which the study was run again, with a label of every feature."""
    path = tmp_path_factory.mktemp("faults")
    save_release(path)
    write_notebook(path / "study.ipynb", LISTS)
    saes = [word for layer in LAYERS for word in ("--sae", path / "standin" / hook(layer))]
    few = ("--no-matched", "--no-filter", "--null", "0", "--number", "7")
    run("reproduce", path / "study.ipynb", path / "a.duckdb", *saes, "--model", path / "model", *few)
    (path / "more.txt").write_text("A third SAE reads this.\n")
    run("ingest", path / "a.duckdb", path / "more.txt", "--sae", path / "standin" / hook(1), "--model", path / "model")
    run("label", "import", path / "a.duckdb", write_labels(path / "batch-0.jsonl.gz"))
    return path


@pytest.fixture(scope="module")
def reference(folder: Path) -> Reference:
    return Reference(folder)


@pytest.fixture(scope="module")
def means(reference: Reference) -> pd.DataFrame:
    """The means of each feature of the measured SAE, by number from one; each feature has its own."""
    table = reference.study_means(LAYERS[0])
    fired = table["med"][table["med"] > 0]
    assert len(set(fired.round(6))) == len(fired) > D_SAE // 2
    return table


@pytest.fixture(scope="module")
def logits(reference: Reference) -> dict[str, np.ndarray]:
    """Logit weights as the study has them, by SAE."""
    return {
        f"standin/{hook(layer)}": study_logits(reference.model, reference.sae(layer))
        for layer in range(max(LAYERS) + 1)
    }


def test_what_is_reproduced_is_each_features_own(
    folder: Path, reference: Reference, means: pd.DataFrame, logits: dict[str, np.ndarray]
) -> None:
    with open_atlas(folder / "a.duckdb", read_only=True) as atlas:
        own = "SELECT sae.label AS name, reproduction_feature.* FROM reproduction_feature JOIN sae USING (sae)"
        rows = atlas.arrow(own).to_pandas()
        moments = atlas.rows("SELECT label, study_moment.* EXCLUDE (sae) FROM study_moment JOIN sae USING (sae)")
    assert set(rows["name"]) == {f"standin/{hook(LAYERS[0])}"}
    without = reference.study_means(LAYERS[0], first=1)
    for table, names in (
        (means, ("study_positive", "study_control")),
        (without, ("positive_without_bos", "control_without_bos")),
    ):
        for name, column in zip(names, ("med", "no_med"), strict=True):
            np.testing.assert_allclose(rows[name], table[column][rows["feature"]], atol=2e-5)
    assert set(rows["feature"]) == set(np.flatnonzero(means[["med", "no_med"]].max(axis=1) > 0))
    assert {sae for sae, *_ in moments} == {f"standin/{hook(layer)}" for layer in LAYERS}
    for sae, feature, *found in moments:
        assert found == pytest.approx(moments_of(logits[sae][feature]), rel=1e-3, abs=1e-4)


def moments_of(weights: np.ndarray) -> list[float]:
    return [weights.std(), skew(weights), kurtosis(weights, fisher=False)]


def held(row: dict[str, Any], means: pd.DataFrame) -> None:
    """A row of the list: its number counts from one, its index from zero, and its figures are that feature's."""
    assert row["sae"] == f"standin/{hook(LAYERS[0])}"
    if row["feature"] is not None:
        assert row["number"] == row["feature"] + 1
        own = means.iloc[row["feature"]]
        assert own["number"] == row["number"]
        assert row["study_difference"] == pytest.approx(own["med"] - own["no_med"], abs=2e-5)


def test_the_list_numbers_from_one_beside_the_index_that_it_is_of(folder: Path, means: pd.DataFrame) -> None:
    rows = asked(folder / "a.duckdb", "reproduced_list", max_q=1.0)
    assert [row["number"] for row in rows if row["feature"] is not None] == study_list(means)["number"].tolist()
    best = asked(folder / "a.duckdb", "candidates", sae=f"standin/{hook(LAYERS[0])}", max_q=1.0, limit=1000)
    auroc = {row["feature"]: row["auroc"] for row in best}
    for row in rows:
        held(row, means)
        if row["corrected_feature"] in auroc:
            assert row["corrected_auroc"] == pytest.approx(auroc[row["corrected_feature"]])


def readings(number: int) -> list[tuple[str, int]]:
    """The features that a number names in the two SAEs, those that there are."""
    every = [(layer, feature) for layer in LAYERS for feature in (number - 1, number)]
    return [(f"standin/{hook(layer)}", feature) for layer, feature in every if feature < D_SAE]


@FEW
@given(st.integers(1, D_SAE))
def test_a_number_is_read_in_four_ways_each_with_its_own_figures_label_and_page(
    folder: Path, means: pd.DataFrame, logits: dict[str, np.ndarray], number: int
) -> None:
    rows = asked(folder / "a.duckdb", "reproduced_number", number=number)
    assert [(row["sae"], row["feature"]) for row in rows] == readings(number)
    for row in rows:
        shown(row, means, logits)


def shown(row: dict[str, Any], means: pd.DataFrame, logits: dict[str, np.ndarray]) -> None:
    """A reading of a number: means are of the measured SAE alone, all else of the SAE that it names."""
    sae, feature = row["sae"], row["feature"]
    layer = int(sae.split(".")[1])
    assert row["label"] == f"{layer} and {feature}"
    assert row["neuronpedia"] == f"https://www.neuronpedia.org/standin/{layer}-res/{feature}"
    assert row["logit_std"] == pytest.approx(logits[sae][feature].std(), rel=1e-4)
    if layer == LAYERS[0]:
        assert (row["study_positive"] or 0.0) == pytest.approx(means["med"][feature], abs=2e-5)
    else:
        assert row["study_positive"] is None


def test_the_command_and_the_page_say_what_the_queries_say(
    folder: Path, served: Served, means: pd.DataFrame, logits: dict[str, np.ndarray]
) -> None:
    saes = [word for layer in LAYERS for word in ("--sae", folder / "standin" / hook(layer))]
    few = ("--model", folder / "model", "--no-matched", "--no-filter", "--null", "0", "--number", "7")
    told = json.loads(run("reproduce", folder / "study.ipynb", folder / "a.duckdb", *saes, *few, "--format", "json"))
    page = served.get("/reproduction/study.json").json()
    for listed, number in ((told["list"], told["number"]), (page["listed"], page["readings"])):
        for row in listed:
            held(row, means)
        assert [(row["sae"], row["feature"]) for row in number] == readings(7)
        for row in number:
            shown(row, means, logits)


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    with serving(publish(folder / "a.duckdb", folder / "site").folder) as found:
        yield found


def test_each_link_of_the_page_leads_to_the_feature_it_stands_at(served: Served) -> None:
    page = unescape(served.get("/reproduction/study").text)
    links = re.findall(r'href="/feature/([^"]+)/(\d+)">([^<]+)</a>', page)
    measured, number_links = f"standin/{hook(LAYERS[0])}", set()
    for sae, feature, said in links:
        if "#" in said:
            assert said == f"{sae}#{feature}"
            number_links.add((sae, int(feature)))
        else:  # in the list: a number from one, or the index of a corrected candidate
            assert sae == measured and int(said) - int(feature) in (0, 1)
    assert number_links == set(readings(7))
    listed = served.get("/reproduction/study.json").json()["listed"]
    by_number = {(sae, int(feature)) for sae, feature, said in links if said == str(int(feature) + 1)}
    assert {(measured, row["feature"]) for row in listed if row["feature"] is not None} <= by_number


def test_no_table_names_a_feature_without_its_sae() -> None:
    for table in metadata.sorted_tables:
        for column in table.columns.keys():  # noqa: SIM118 (a collection of columns)
            if column == "feature" or column.endswith("_feature"):
                assert column.removesuffix("feature") + "sae" in table.columns or "sae" in table.columns, table.name


def test_every_command_that_reads_an_sae_or_takes_a_feature_is_tried_here() -> None:
    assert set(ARGUMENTS) == (commands("--feature") | commands("--device")) - {"doctor"}
    assert commands("--feature") <= commands("--sae")


def command(folder: Path, name: str, sae: object, *options: object) -> list[object]:
    """A command with all that it needs."""
    others = [each for layer in range(3) if (each := folder / "standin" / hook(layer)) != sae]
    model = () if {"--url"} & set(ARGUMENTS[name]) or name == "quick-list" else ("--model", folder / "model")
    more = [word for each in others for word in ("--sae", each)] if name == "circuit graph" else ()
    files = (folder / "study.ipynb", folder / "a.duckdb") if name == "reproduce" else (folder / "a.duckdb",)
    return [*name.split(), *files, "--sae", sae, *more, *model, *ARGUMENTS[name], *options]


@pytest.mark.parametrize("feature", [-1, D_SAE])
@pytest.mark.parametrize("name", sorted(commands("--feature")))
def test_fault_1_a_number_that_counts_from_one_is_refused_where_it_shows(folder: Path, name: str, feature: int) -> None:
    """The first feature is 0 and the last d_sae - 1."""
    taken = "standin/" + hook(2) if name.startswith("label") or name == "quick-list" else folder / "standin" / hook(2)
    done = attempt(*command(folder, name, taken, "--feature", feature))
    assert done.exit_code == 1, done.output
    assert f"0 to {D_SAE - 1}" in str(done.exception)


@pytest.mark.parametrize("layer", [1, 2])
def test_faults_1_and_2_what_is_computed_of_a_feature_is_its_own(
    folder: Path, reference: Reference, tmp_path: Path, layer: int
) -> None:
    acts = reference.acts(reference.ids(TEXT), layer).amax(0)
    path = Path(shutil.copy(folder / "a.duckdb", tmp_path / "a.duckdb"))
    (tmp_path / "standin").symlink_to(folder / "standin")
    (tmp_path / "model").symlink_to(folder / "model")
    features = [int(each) for each in acts.topk(3).indices]
    chosen = [word for feature in features for word in ("--feature", feature)]
    for name in ("explain feature", "circuit direct", "circuit graph"):
        run(*command(tmp_path, name, folder / "standin" / hook(layer), *chosen))
    with open_atlas(path, read_only=True) as atlas:
        for sql in (
            "SELECT label, feature, full_value FROM explanation JOIN sae USING (sae)",
            "SELECT label, feature, pre_activation FROM direct_attribution JOIN sae USING (sae)",
            "SELECT label, feature, clean_value FROM graph JOIN sae USING (sae)",
        ):
            found = {(sae, feature): value for sae, feature, value in atlas.rows(sql)}
            assert found == {
                (f"standin/{hook(layer)}", feature): pytest.approx(float(acts[feature]), rel=1e-4)
                for feature in features
            }


@pytest.mark.parametrize("name", sorted(commands("--device") - {"doctor"}))
def test_fault_2_an_sae_under_the_name_of_another_is_refused(folder: Path, name: str, tmp_path: Path) -> None:
    """As where a loop over layers loads the same files each time."""
    wrong = shutil.copytree(folder / "standin" / hook(0), tmp_path / "standin" / hook(2))
    more = ("--sae", folder / "standin" / hook(0)) if name == "reproduce" else ()
    feature = ("--feature", 1) if name in commands("--feature") else ()
    done = attempt(*command(folder, name, wrong, *more, *feature))
    assert done.exit_code == 1, done.output
    said = str(done.exception)
    assert f"standin/{hook(2)} reads {hook(0)}: another SAE lies under its name" in said and "\n" not in said
    with open_atlas(folder / "a.duckdb", read_only=True) as atlas:
        assert atlas.rows("SELECT COUNT(*) FROM sae") == [(3,)]


def test_fault_3_labels_and_links_of_another_block_are_refused(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As where a page of block 0 is opened for a feature of block 2: the SAE's own files may say so too."""
    sae = Path(shutil.copytree(folder / "standin" / hook(2), tmp_path / "own" / hook(2)))
    told = json.loads((sae / "cfg.json").read_text())
    told["metadata"]["neuronpedia_id"] = "standin/0-res"
    (sae / "cfg.json").write_text(json.dumps(told))
    (tmp_path / "texts.txt").write_text(f"{TEXT}\n")
    path, named = tmp_path / "a.duckdb", ("--sae", f"own/{hook(2)}")
    run("ingest", path, tmp_path / "texts.txt", "--sae", sae, "--model", folder / "model")
    assert (
        f"own/{hook(2)} reads {hook(2)}, and its files call it standin/0-res, which is of another block" in caplog.text
    )
    labels = write_labels(tmp_path / "batch-0.jsonl.gz")
    for options, answer in (
        ((), "which is no SAE asked for: none that is published there"),
        ((*named, "--neuronpedia-id", "standin/0-res"), f"reads {hook(2)}; standin/0-res is of another block"),
        (named, "has no name at Neuronpedia"),
    ):
        done = attempt("label", "import", path, labels, *options)
        assert done.exit_code == 1
        assert answer in str(done.exception)
    with open_atlas(path, read_only=True) as atlas:
        assert atlas.rows("SELECT neuronpedia_id, (SELECT COUNT(*) FROM feature_label) FROM sae") == [(None, 0)]
    card = {row["fact"]: row["text"] for row in asked(path, "feature_card", feature=1, sae=named[1])}
    assert "0-res" not in str(card)


@pytest.mark.parametrize(
    ("name", "hook_name", "other"),
    [
        ("gpt2-small/8-res-jb", "blocks.8.hook_resid_pre", False),
        ("gpt2-small/0-res-jb", "blocks.8.hook_resid_pre", True),
        ("gpt2-small/12-res-jb", "blocks.11.hook_resid_post", False),
        ("gpt2-small/11-res-post", "blocks.11.hook_resid_post", False),
        ("gpt2-small/12-att-kk", "blocks.11.attn.hook_z", True),
        ("pythia-70m-deduped/e-att-sm", "blocks.0.hook_resid_pre", False),
        ("gemma-2-9b/20-gemmascope-res-131k__l0-10", "blocks.2.hook_resid_post", True),
        ("blocks.8.hook_z", "blocks.8.attn.hook_z", False),
        ("blocks.0.hook_resid_pre", "blocks.8.hook_resid_pre", True),
        ("layer_2/width_16k", "blocks.8.hook_resid_post", False),
    ],
)
def test_a_name_that_is_of_another_block_is_known(name: str, hook_name: str, other: bool) -> None:
    assert is_of_another_block(name, hook_name) == other


@pytest.mark.parametrize(
    ("name", "other"),
    [("gpt2-small/8-res-jb", False), ("gpt2-small/9-res-jb", False), ("gpt2-small/7-res-jb", True), ("own", False)],
)
def test_of_a_hook_in_no_block_the_number_that_is_stored_counts(name: str, *, other: bool) -> None:
    assert is_of_another_block(name, "layer 8", 8) == other
    assert not is_of_another_block("pythia-70m-deduped/e-att-sm", "hook_embed")
