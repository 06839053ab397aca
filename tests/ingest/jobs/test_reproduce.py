"""The study run again on a random GPT-2: every number against plain transformers, SAELens and pandas."""

import csv
import dataclasses
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from scipy.stats import kurtosis, skew, spearmanr

from atlas.cli.main import cli
from atlas.cli.reproduce import PARTS, print_reproduction
from atlas.publish.snapshot_facts import EMBEDDED_NOTE
from ingest.jobs.reader import Reader
from ingest.jobs.remove import RemoveRequest, remove
from ingest.jobs.reproduce import ReproduceRequest, reproduce
from ingest.reproduction.lists import Notebook
from ingest.reproduction.means import printed_features
from queries import run_query
from schema import open_atlas
from schema.errors import SelectionError, SourceError
from schema.verify import verify
from tests.made.architectures import save_model
from tests.made.study_method import listed, study_list, study_logits
from tests.made.study_notebook import CONTROL, POSITIVE, PROMPTS, write_notebook
from tests.made.tiny_models import save_sae, tiny_sae

D_SAE = 64
HOOKS = ("blocks.2.hook_resid_pre", "blocks.0.hook_resid_pre")
LISTS = {"prompts_health": PROMPTS, "prompts_med": POSITIVE, "prompts_no_med": CONTROL}
SHIFT = 0.25
"""By how much one printed figure is off."""
METADATA = {
    "model_name": "tiny",
    "context_size": 32,
    "prepend_bos": True,
    "model_from_pretrained_kwargs": {"center_writing_weights": True},
}


@dataclasses.dataclass(frozen=True)
class StandIn:
    """A model, two SAEs and a notebook as folders, the same as objects of Hugging Face and SAELens, and the request."""

    folder: Path
    model: Any
    tokenizer: Any
    saes: tuple[Any, Any]
    request: ReproduceRequest
    known: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @property
    def options(self) -> list[str]:
        """The request as options of the command."""
        saes = [part for sae in self.request.reader.saes for part in ("--sae", sae)]
        model, printed = str(self.request.reader.model), str(self.request.printed)
        return [*saes, "--model", model, "--printed", printed, "--null", "20", "--no-matched"]


def activations(made: StandIn, text: str) -> np.ndarray:
    """Every feature of the measured SAE at every position of a prompt, in plain transformers; the stream is centred."""
    if text not in made.known:
        ids = [made.tokenizer.bos_token_id, *made.tokenizer(text)["input_ids"]]
        with torch.no_grad():
            resid = made.model(torch.tensor([ids]), output_hidden_states=True).hidden_states[2][0]
            made.known[text] = made.saes[0].encode(resid - resid.mean(-1, keepdim=True)).double().numpy()
    return made.known[text]


def study_table(made: StandIn, first: int = 0) -> pd.DataFrame:
    """The study's table as its notebook makes it; first = 1 leaves BOS out."""
    mean = {
        side: np.mean([activations(made, text)[first:].mean(axis=0) for text in texts], axis=0)
        for side, texts in (("med", POSITIVE), ("no_med", CONTROL))
    }
    return pd.DataFrame({"number": np.arange(1, len(mean["med"]) + 1)} | mean)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> StandIn:
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("study")
    model = save_model("gpt2", folder / "model")
    saes = tuple(tiny_sae("standard", 32, D_SAE, seed, hook_name=hook) for seed, hook in enumerate(HOOKS))
    named = [
        save_sae(sae, folder / "made" / hook, hook_name=hook, **METADATA) for sae, hook in zip(saes, HOOKS, strict=True)
    ]
    notebook = write_notebook(folder / "study.ipynb", LISTS)
    request = ReproduceRequest(
        folder / "atlas.duckdb",
        Notebook(notebook),
        reader=Reader(tuple(named), str(folder / "model")),
        printed=folder / "printed.csv",
        matched=False,
        shuffles=20,
    )
    found = StandIn(folder, model, AutoTokenizer.from_pretrained(folder / "model"), (saes[0], saes[1]), request)
    printed = study_list(study_table(found)).iloc[1:]  # the first one is not printed, the others move up
    columns = {"number": "printed_number", "med": "mean_medical", "no_med": "mean_non_medical"}
    printed = printed.rename(columns=columns)
    printed["mean_medical"] += SHIFT * (np.arange(len(printed)) == 1)
    printed.to_csv(folder / "printed.csv", index=False)
    reproduce(request)
    return found


@pytest.fixture(scope="module")
def told(made: StandIn) -> dict[str, list[dict[str, Any]]]:
    """The rows of each saved query about it."""
    names = ("reproductions", "reproduced_list", "reproduced_number", "reproduced_faults", "reproduced_filter")
    with open_atlas(made.request.atlas, read_only=True) as atlas:
        every = {"reproduced_list": {"max_q": 1.0}}
        return {name: run_query(atlas, name, every.get(name, {})).to_pylist() for name in names}


@pytest.fixture
def figures(made: StandIn) -> Iterator[dict[int, tuple[bool | None, dict[str, Any]]]]:
    with open_atlas(made.request.atlas, read_only=True) as atlas:
        rows = atlas.rows("SELECT fault, shown, figures FROM reproduction_fault ORDER BY fault")
        yield {fault: (shown, json.loads(found)) for fault, shown, found in rows}


def test_the_list_as_printed_is_the_studys(made: StandIn, told: dict[str, list[dict[str, Any]]]) -> None:
    expected = study_list(study_table(made))
    rows = [row for row in told["reproduced_list"] if row["feature"] is not None]
    assert [row["number"] for row in rows] == expected["number"].tolist()
    assert [row["feature"] + 1 for row in rows] == [row["number"] for row in rows]
    for column, name in (("study_positive", "med"), ("study_control", "no_med"), ("study_difference", "difference")):
        np.testing.assert_allclose([row[column] for row in rows], expected[name], atol=2e-5)


def test_every_mean_is_stored_with_bos_and_without(made: StandIn) -> None:
    with open_atlas(made.request.atlas, read_only=True) as atlas:
        rows = atlas.arrow("SELECT * FROM reproduction_feature ORDER BY feature").to_pandas().set_index("feature")
    for first, columns in (
        (0, ("study_positive", "study_control")),
        (1, ("positive_without_bos", "control_without_bos")),
    ):
        expected = study_table(made, first)
        for column, name in zip(columns, ("med", "no_med"), strict=True):
            np.testing.assert_allclose(rows[column], expected[name][rows.index], atol=2e-5)
    fires = study_table(made)[["med", "no_med"]].max(axis=1)
    assert set(rows.index) == set(np.flatnonzero(fires > 0))


def test_the_printed_figures_are_held_against_those_computed(
    made: StandIn, told: dict[str, list[dict[str, Any]]]
) -> None:
    printed, here = pd.read_csv(made.folder / "printed.csv"), study_list(study_table(made))
    row = told["reproductions"][0]
    assert (row["printed_rows"], row["printed_shared"]) == (len(printed), len(printed))
    assert row["printed_in_place"] == 0
    assert row["rank_correlation"] == pytest.approx(1.0)
    assert row["largest_deviation"] == pytest.approx(SHIFT, abs=2e-5)
    listed = [row for row in told["reproduced_list"] if row["printed_number"] is not None]
    assert [row["printed_number"] for row in listed] == printed["printed_number"].tolist()
    np.testing.assert_allclose([row["printed_difference"] for row in listed], printed["difference"])
    np.testing.assert_allclose([row["printed_here"] for row in listed], here["difference"].iloc[1:], atol=2e-5)
    assert [row["printed_place_here"] for row in listed] == [row["place"] + 1 for row in listed]


def test_the_studys_processing_moves_no_mean_where_the_stored_stream_is_centred(
    told: dict[str, list[dict[str, Any]]],
) -> None:
    assert told["reproductions"][0]["processing_difference"] < 2e-5


def test_the_corrected_list_is_zero_based_and_by_auroc_without_bos(
    made: StandIn, told: dict[str, list[dict[str, Any]]]
) -> None:
    scores = np.array([activations(made, text)[1:].max(axis=0) for text in (*POSITIVE, *CONTROL)])
    over = scores[: len(POSITIVE), None] - scores[None, len(POSITIVE) :]  # (positive, control, feature)
    auroc = ((over > 1e-6) + (np.abs(over) <= 1e-6) / 2).mean(axis=(0, 1))
    rows = [row for row in told["reproduced_list"] if row["corrected_feature"] is not None]
    assert rows
    for row in rows:
        assert row["corrected_auroc"] == pytest.approx(auroc[row["corrected_feature"]], abs=1e-6)
        assert row["corrected_auroc"] > 0.5
    for row in told["reproduced_list"]:
        if row["auroc"] is not None:
            assert row["auroc"] == pytest.approx(auroc[row["feature"]], abs=1e-6)


def test_the_four_features_of_a_number_are_side_by_side(made: StandIn, told: dict[str, list[dict[str, Any]]]) -> None:
    number = int(pd.read_csv(made.folder / "printed.csv")["printed_number"][0])
    rows = told["reproduced_number"]
    names = [f"made/{hook}" for hook in HOOKS]
    assert [(row["sae"], row["feature"]) for row in rows] == [
        (names[0], number - 1),
        (names[0], number),
        (names[1], number - 1),
        (names[1], number),
    ]
    table = study_table(made)
    np.testing.assert_allclose(
        [row["study_positive"] or 0.0 for row in rows[:2]], table["med"][[number - 1, number]], atol=2e-5
    )
    for row, sae in zip(rows, (made.saes[0], made.saes[0], made.saes[1], made.saes[1]), strict=True):
        weights = study_logits(made.model, sae)[row["feature"]]
        assert row["logit_std"] == pytest.approx(weights.std(), rel=1e-4)
        assert row["logit_skewness"] == pytest.approx(skew(weights), abs=1e-3)
        assert row["logit_kurtosis"] == pytest.approx(kurtosis(weights, fisher=False), rel=1e-3)


def test_fault_1_a_printed_number_fits_the_feature_below_it(made: StandIn, figures: dict[int, Any]) -> None:
    printed = pd.read_csv(made.folder / "printed.csv")
    table = study_table(made)
    difference = (table["med"] - table["no_med"]).to_numpy()
    number = printed["printed_number"].to_numpy()
    inside = number < D_SAE
    below, at = (
        np.abs(difference[index[inside]] - printed["difference"][inside]).to_numpy() for index in (number - 1, number)
    )
    shown, found = figures[1]
    assert shown is True
    assert found["fit_below"] == int((below < at).sum())
    assert found["deviation_at"] == pytest.approx(at.max(), abs=2e-5)


def test_faults_2_to_4_are_told_from_the_decoders(made: StandIn, figures: dict[int, Any]) -> None:
    logits = [study_logits(made.model, sae) for sae in made.saes]
    lists = [
        {
            end: (set(listed(one.std(axis=1), end)), set(listed(kurtosis(one, axis=1, fisher=False), end)))
            for end in ("highest", "lowest")
        }
        for one in logits
    ]
    shared = sum(
        len(one & other) * times
        for end in ("highest", "lowest")
        for one, other, times in zip(lists[0][end], lists[1][end], (1, 2), strict=True)
    )
    assert figures[2] == (shared < 60, {"entries": 60, "shared": shared})
    number = int(pd.read_csv(made.folder / "printed.csv")["printed_number"][0])
    cosine = torch.nn.functional.cosine_similarity(made.saes[1].W_dec, made.saes[0].W_dec[number - 1], dim=1)
    assert figures[3][0] == (int(cosine.argmax()) != number)
    assert figures[3][1]["cosine"] == pytest.approx(float(cosine[number]), abs=1e-5)
    assert figures[3][1]["nearest"] == int(cosine.argmax())
    by = [skew(logits[1], axis=1), kurtosis(logits[1], axis=1, fisher=False)]
    same = sum(len({*listed(by[0], end)} & {*listed(by[1], end)}) for end in ("highest", "lowest"))
    assert figures[4][1]["shared"] == same
    assert figures[4][1]["rho"] == pytest.approx(spearmanr(*by).statistic, abs=0.01)


def test_faults_5_and_10_are_told_from_the_filter(
    made: StandIn, told: dict[str, list[dict[str, Any]]], figures: dict[int, Any]
) -> None:
    def passing(text: str) -> list[bool]:
        words = [word.lower() for word in text.split()]
        return [
            any(word in made.tokenizer.decode([i]).lower() for word in words) for i in made.tokenizer(text)["input_ids"]
        ]

    rng, drawn = np.random.default_rng(0), 2000
    for name, texts in (("expected", PROMPTS), ("expected_controls", CONTROL)):
        tests = [passing(text) for text in texts]
        chance = [np.mean([rng.permutation(one)[:3].any() for _ in range(drawn)]) for one in tests]
        assert figures[5][1][name] == pytest.approx(sum(chance), abs=6 * np.sqrt(len(texts) / 4 / drawn))
    rows = told["reproduced_filter"]
    assert [row["text"] for row in rows] == list(PROMPTS)
    assert figures[10][1]["kept"] == sum(row["kept"] for row in rows)
    read = 0
    for row in rows:
        looked_at, top = json.loads(row["looked_at"]), json.loads(row["top_tokens"])
        for token in set(top):
            read += min(looked_at.count(token), top.count(token))
        words = row["text"].lower().split()
        assert row["kept"] == any(word in token.lower() for token in looked_at for word in words)
        assert len(top) == 3
    assert figures[10][1]["looked_at"] == read
    agree = sum(row["kept"] == (row["text"] in POSITIVE) for row in rows)
    assert figures[10][1]["kept_as_printed"] == agree


def test_faults_6_and_7_are_told_from_lists_made_again(made: StandIn, figures: dict[int, Any]) -> None:
    with_bos, without = (study_list(study_table(made, first)) for first in (0, 1))
    assert figures[6][1]["stay"] == len(set(with_bos["number"]) & set(without["number"]))
    means = np.array([activations(made, text).mean(axis=0) for text in (*POSITIVE, *CONTROL)])
    rng, printed, largest = np.random.default_rng(3), [], []
    for _ in range(40):
        chosen = rng.permutation(len(means))
        sides = [means[chosen[: len(POSITIVE)]].mean(axis=0), means[chosen[len(POSITIVE) :]].mean(axis=0)]
        found = study_list(pd.DataFrame({"number": np.arange(1, D_SAE + 1), "med": sides[0], "no_med": sides[1]}))
        printed.append(len(found))
        largest.append(found["difference"].max())
    assert figures[7][1]["printed"] == len(with_bos)
    assert figures[7][1]["printed_by_chance"] == pytest.approx(np.median(printed), abs=4)
    assert figures[7][1]["largest_by_chance"] == pytest.approx(np.quantile(largest, 0.95), rel=0.35)


def test_fault_8_is_told_from_the_texts(made: StandIn, figures: dict[int, Any]) -> None:
    sizes = [[len(made.tokenizer(text)["input_ids"]) for text in texts] for texts in (POSITIVE, CONTROL)]
    shown, found = figures[8]
    assert shown is True
    assert (found["median_positive"], found["median_control"]) == tuple(np.median(one) for one in sizes)
    assert (found["brackets_positive"], found["brackets_control"]) == (0, len(CONTROL))
    assert (found["digits_positive"], found["acronyms_control"]) == (0, 1)


def test_fault_9_counts_the_correlations_that_are_stored(made: StandIn, figures: dict[int, Any]) -> None:
    with open_atlas(made.request.atlas, read_only=True) as atlas:
        sql = "SELECT evidence, low_given_frequency AS low, high_given_frequency AS high FROM contrast_correlation"
        rows = (
            atlas.arrow(f"{sql} JOIN contrast USING (contrast) WHERE name = 'study' AND sae = 0").to_pandas().dropna()
        )
    rises = rows["evidence"].isin(["token_entropy", "document_entropy"])
    said = np.where(rises, rows["low"] > 0, rows["high"] < 0).sum()
    assert figures[9][1].get("correlations", 0) == len(rows)
    assert figures[9][1].get("as_said", 0) == said


def test_nothing_of_the_notebook_is_run_and_the_atlas_is_whole(made: StandIn) -> None:
    assert not Path("ran").exists()
    assert not (made.folder / "ran").exists()
    with open_atlas(made.request.atlas, read_only=True) as atlas:
        assert {found.invariant for found in verify(atlas) if found.violations} == set()
        rows = atlas.rows("SELECT c.name, COUNT(*) FROM document JOIN corpus AS c USING (corpus) GROUP BY 1 ORDER BY 1")
    assert [row for row in rows if row[0].startswith("study/")] == [
        (f"study/{name}", len(texts)) for name, texts in LISTS.items()
    ]


def test_the_command_prints_all_of_it_and_computes_nothing_twice(made: StandIn) -> None:
    arguments = ["reproduce", str(made.request.notebook.path), str(made.request.atlas), *made.options]
    shown = CliRunner().invoke(cli, arguments)
    assert shown.exit_code == 0, shown.output
    assert "nothing new; the reproduction study stands as it was" in shown.stderr
    assert "loaded in its place: made/blocks.0.hook_resid_pre" in shown.stdout
    assert " 1. Features are numbered from one: the data show it" in shown.stdout
    assert "rank correlation of places 1.000" in shown.stdout
    assert json.loads(CliRunner().invoke(cli, [*arguments, "--format", "json"]).stdout)["list"]


def test_a_second_one_under_the_same_name_stands_beside_the_first(
    made: StandIn, told: dict[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    """The command hands over the SAE that it was run on, in whatever order it is run; a query takes the first."""
    atlas = Path(shutil.copy(made.request.atlas, tmp_path / "atlas.duckdb"))
    arguments = ["reproduce", str(made.request.notebook.path), str(atlas), *made.options, "--format", "json"]
    measured, loaded = (place for place, word in enumerate(arguments) if word == "--sae")
    swapped = [*arguments]
    swapped[measured + 1], swapped[loaded + 1] = arguments[loaded + 1], arguments[measured + 1]
    for words, hooks in ((swapped, HOOKS[::-1]), (arguments, HOOKS)):
        shown = CliRunner().invoke(cli, words, catch_exceptions=False)
        held = json.loads(shown.stdout)
        (row,) = held["summary"]
        assert (row["sae"], row["loaded_sae"]) == tuple(f"made/{hook}" for hook in hooks)
        assert {row["sae"] for row in held["list"]} == {f"made/{hooks[0]}"}
        assert [row["place"] for row in held["list"]] == list(range(1, len(held["list"]) + 1))
        assert [row["sae"] for row in held["number"]] == [f"made/{hook}" for hook in hooks for _ in range(2)]
        assert [row["fault"] for row in held["faults"]] == [row["fault"] for row in told["reproduced_faults"]]
    assert "nothing new; the reproduction study stands as it was" in shown.stderr
    assert held["summary"] == told["reproductions"]
    assert held["faults"] == told["reproduced_faults"]
    with open_atlas(atlas, read_only=True) as opened:
        assert run_query(opened, "reproductions").num_rows == 2
        for hook in HOOKS:
            assert run_query(opened, "reproduced_faults", {"sae": f"made/{hook}"}).num_rows == len(held["faults"])
            of_model = run_query(opened, "reproduced_filter", {"sae": f"made/{hook}"}).to_pylist()
            assert of_model == told["reproduced_filter"]


def test_one_in_bfloat16_stands_beside_that_of_the_plain_name(
    made: StandIn, told: dict[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    """It is of another model, on which the filter is run again."""
    atlas = Path(shutil.copy(made.request.atlas, tmp_path / "atlas.duckdb"))
    arguments = ["reproduce", str(made.request.notebook.path), str(atlas), *made.options, "--format", "json"]
    shown = CliRunner().invoke(cli, [*arguments, "--precision", "bfloat16"], catch_exceptions=False)
    (row,) = json.loads(shown.stdout)["summary"]
    assert row["sae"].startswith(f"made/{HOOKS[0]}@")
    assert row["loaded_sae"].startswith(f"made/{HOOKS[1]}@")
    with open_atlas(atlas, read_only=True) as opened:
        for query in ("reproduced_faults", "reproduced_filter"):
            assert run_query(opened, query).to_pylist() == told[query]
        again = run_query(opened, "reproduced_filter", {"sae": row["sae"]}).to_pylist()
        assert opened.rows("SELECT COUNT(*) FROM study_prompt") == [(2 * len(PROMPTS),)]
    assert [one["document"] for one in again] == [one["document"] for one in told["reproduced_filter"]]


@pytest.mark.parametrize("read", ["atlas", "notebook", "printed figures"])
def test_what_it_reads_is_not_written_over_and_nothing_is_begun(made: StandIn, tmp_path: Path, read: str) -> None:
    atlas, notebook = tmp_path / "new.duckdb", str(made.request.notebook.path)
    output = {"atlas": str(atlas), "notebook": notebook, "printed figures": str(made.request.printed)}[read]
    words = ["reproduce", notebook, str(atlas), *made.options, "--format", "json", "-o", output]
    before = [file.read_bytes() for file in (made.request.notebook.path, made.folder / "printed.csv")]
    refused = CliRunner().invoke(cli, words)
    assert refused.exit_code == 2
    assert f"-o {output} would overwrite the {read}; choose another file" in refused.stderr
    assert [file.read_bytes() for file in (made.request.notebook.path, made.folder / "printed.csv")] == before
    assert not atlas.exists()


@pytest.mark.parametrize(("part", "query"), PARTS.items())
def test_a_part_is_what_its_saved_query_gives(
    part: str, query: str, made: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_atlas(made.request.atlas, read_only=True) as atlas:
        rows = run_query(atlas, query).to_pylist()
        print_reproduction(atlas, {"contrast": "study"}, [part], "csv", None)
        found = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        print_reproduction(atlas, {"contrast": "study"}, list(PARTS), "json", None)
        assert json.loads(capsys.readouterr().out)[part] == rows
    assert [list(row) for row in found] == [list(row) for row in rows]
    assert [list(row.values()) for row in found] == [
        ["" if value is None else str(value) for value in row.values()] for row in rows
    ]


def test_what_the_embedded_model_gives_says_so(tiny_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = {"contrast": "medical", "sae": "tiny/blocks.1.hook_resid_pre"}
    with open_atlas(tiny_copy) as atlas:
        print_reproduction(atlas, asked, ["summary"], "table", None)
        assert EMBEDDED_NOTE not in capsys.readouterr().out
        atlas.rows("UPDATE sae SET label = 'pocket/' || sae_id")
        print_reproduction(atlas, {"contrast": "medical"}, ["summary"], "table", None)
        assert EMBEDDED_NOTE in capsys.readouterr().out


def test_an_edited_notebook_is_reproduced_anew_and_drops_what_is_gone(made: StandIn, tmp_path: Path) -> None:
    atlas = Path(shutil.copy(made.request.atlas, tmp_path / "atlas.duckdb"))
    notebook = write_notebook(tmp_path / "study.ipynb", LISTS | {"prompts_no_med": CONTROL[1:]})
    request = dataclasses.replace(made.request, atlas=atlas, notebook=Notebook(notebook), filtered=False)
    assert not reproduce(request).known
    assert reproduce(request).known
    with open_atlas(atlas, read_only=True) as opened:
        assert opened.rows("SELECT prompts_control, matched_contrast FROM reproduction") == [(len(CONTROL) - 1, None)]
        sql = "SELECT COUNT(*) FROM document JOIN corpus USING (corpus) WHERE name = 'study/prompts_no_med'"
        assert opened.rows(sql) == [(len(CONTROL) - 1,)]
        assert opened.rows("SELECT COUNT(*) FROM study_prompt") == [(len(PROMPTS),)]
    remove(RemoveRequest(atlas, sae=f"made/{HOOKS[1]}"))
    with open_atlas(atlas, read_only=True) as opened:
        for table in ("reproduction", "reproduction_feature", "reproduction_fault"):
            assert opened.rows(f"SELECT COUNT(*) FROM {table}") == [(0,)]
        assert {found.invariant for found in verify(opened) if found.violations} == set()


@pytest.mark.parametrize(
    ("lists", "asked", "answer"),
    [
        ({"prompts_med": POSITIVE}, Notebook(Path("study.ipynb")), "no code cell assigns prompts_no_med"),
        (
            {"prompts_med": (), "prompts_no_med": CONTROL},
            Notebook(Path("study.ipynb")),
            "prompts_med: empty: there is no document in it",
        ),
        (
            {"prompts_med": POSITIVE, "prompts_no_med": CONTROL},
            Notebook(Path("study.ipynb"), prompts="prompts_heath"),
            "no code cell assigns prompts_heath",
        ),
    ],
)
def test_a_list_that_is_not_there_is_named(
    lists: dict[str, tuple[str, ...]], asked: Notebook, answer: str, tmp_path: Path
) -> None:
    write_notebook(tmp_path / "study.ipynb", lists)
    with pytest.raises(SourceError, match=answer):
        dataclasses.replace(asked, path=tmp_path / "study.ipynb").read()


def test_one_sae_is_not_enough_and_nothing_is_written(made: StandIn, tmp_path: Path) -> None:
    saes = made.request.reader.saes
    for reader in (Reader(saes[:1]), Reader((saes[0], f"{saes[0]}/."), made.request.reader.model)):
        request = dataclasses.replace(made.request, atlas=tmp_path / "atlas.duckdb", reader=reader)
        with pytest.raises(SelectionError, match="--sae MEASURED --sae LOADED"):
            reproduce(request)
    with open_atlas(tmp_path / "atlas.duckdb", read_only=True) as atlas:
        assert atlas.rows("SELECT COUNT(*) FROM document") == [(0,)]


def test_ties_are_printed_by_index_and_no_more_than_forty() -> None:
    positive = np.concatenate([np.ones(60), np.zeros(4)])
    assert printed_features(positive, np.zeros(64)).tolist() == list(range(40))
