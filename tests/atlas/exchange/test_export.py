"""What is exported is what the atlas holds, by another reading of its tables."""

import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from click.testing import CliRunner

from atlas.cli.exchange import export_ as command
from atlas.cli.exchange import quick_list
from atlas.exchange import FORMATS, Wanted, export
from atlas.exchange.published import neuronpedia_quick_lists, published_as
from queries import run_query
from schema import AtlasError, SelectionError, open_atlas
from tests.made.tiny_atlas import FEATURES, SAES

Row = dict[str, Any]


def lines(path: Path) -> list[Row]:
    """The objects of every .jsonl.gz file of a folder."""
    files = sorted(path.glob("batch-*.jsonl.gz"))
    return [json.loads(line) for file in files for line in gzip.open(file, "rt", encoding="utf-8")]


@pytest.fixture(scope="module")
def neuronpedia(tiny: Path) -> Path:
    folder = tiny.parent / "neuronpedia"
    export(tiny, "neuronpedia", folder, Wanted())
    return folder / "tiny"


@pytest.fixture(scope="module")
def dashboards(tiny: Path) -> list[Row]:
    folder = tiny.parent / "saedashboard"
    export(tiny, "saedashboard", folder, Wanted((f"tiny/{SAES[0]}",)))
    assert [path.name for path in (folder / "tiny").iterdir()] == ["1-res"]
    batch = json.loads((folder / "tiny" / "1-res" / "batch-0.json").read_text(encoding="utf-8"))
    assert (batch["model_id"], batch["layer"], batch["sae_set"]) == ("tiny", 1, "res")
    features: list[Row] = batch["features"]
    return features


@pytest.fixture(scope="module")
def held(tiny: Path) -> dict[int, dict[tuple[str, ...], list[float]]]:
    """Each window that a feature of the first SAE fires in: its tokens, and the activation on each."""
    with open_atlas(tiny, read_only=True) as atlas:
        texts: dict[int, dict[int, str]] = defaultdict(dict)
        for context, position, text in atlas.rows("SELECT context, position, text FROM token"):
            texts[context][position] = text
        found: dict[int, dict[tuple[str, ...], list[float]]] = defaultdict(dict)
        for feature, context, position, value in atlas.rows(
            "SELECT feature, context, position, activation FROM activation WHERE sae = 0"
        ):
            window = tuple(texts[context][place] for place in sorted(texts[context]))
            found[feature].setdefault(window, [0.0] * len(window))[position - 1] = value
    return found


def test_windows_have_the_tokens_and_activations_of_the_atlas(
    neuronpedia: Path, held: dict[int, dict[tuple[str, ...], list[float]]]
) -> None:
    shown = lines(neuronpedia / "1-res" / "activations")
    assert {row["index"] for row in shown} == {str(feature) for feature in held}
    for row in shown:
        assert row["values"] == held[int(row["index"])][tuple(row["tokens"])]
        assert row["maxValue"] == max(row["values"]) == row["values"][row["maxValueTokenIndex"]]
        assert row["maxValue"] == row["values"][row["qualifyingTokenIndex"]]
        assert row["minValue"] == min(row["values"])
    for feature, windows in held.items():
        first = next(row for row in shown if row["index"] == str(feature))
        largest = max(max(values) for values in windows.values())
        assert first["maxValue"] == first["binMax"] == largest
        assert (first["binMin"], first["binContains"]) == (-1, -1)


def test_an_interval_says_its_ends_and_its_share_of_all_tokens(
    neuronpedia: Path, held: dict[int, dict[tuple[str, ...], list[float]]], tiny: Path
) -> None:
    with open_atlas(tiny, read_only=True) as atlas:
        ((tokens,),) = atlas.rows("SELECT COUNT(*) FROM token")
        rows = atlas.rows("SELECT feature, activation FROM activation WHERE sae = 0")
    sampled = [row for row in lines(neuronpedia / "1-res" / "activations") if row["binMin"] != -1]
    assert sampled
    for row in sampled:
        low, high = row["binMin"], row["binMax"]
        assert low <= row["maxValue"] < high == 2 * low
        inside = [value for feature, value in rows if str(feature) == row["index"] and low <= value < high]
        assert row["binContains"] == pytest.approx(len(inside) / tokens)


def test_figures_of_a_feature_are_those_of_its_activations(neuronpedia: Path, tiny: Path) -> None:
    with open_atlas(tiny, read_only=True) as atlas:
        ((tokens,),) = atlas.rows("SELECT COUNT(*) FROM token")
        rows = atlas.rows("SELECT feature, activation FROM activation WHERE sae = 0")
        logits = dict(atlas.rows("SELECT feature, top_logits FROM feature WHERE sae = 0"))
    features = lines(neuronpedia / "1-res" / "features")
    assert [row["index"] for row in features] == [str(feature) for feature in range(FEATURES)]
    for row in features:
        values = np.array([value for feature, value in rows if str(feature) == row["index"]])
        assert row["frac_nonzero"] == pytest.approx(len(values) / tokens)
        assert row["maxActApprox"] == max(values, default=0)
        raised = list(zip(row["pos_str"], row["pos_values"], strict=True))
        assert raised == [tuple(pair) for pair in json.loads(logits[int(row["index"])])]
        heights, middles = row["freq_hist_data_bar_heights"], row["freq_hist_data_bar_values"]
        if len(set(values)) > 1:
            counted, edges = np.histogram(values, bins=50)
            assert heights == counted.tolist()
            assert middles == pytest.approx((edges[1:] + edges[:-1]) / 2, abs=1e-5)
        else:
            assert sum(heights) == len(values)


def test_the_first_line_of_every_file_has_the_keys_of_all(neuronpedia: Path) -> None:
    for source in ("1-res", "2-res-tiny"):
        for part in ("features", "activations", "explanations"):
            rows = lines(neuronpedia / source / part)
            assert rows and all(list(row) == list(rows[0]) for row in rows)
            assert {row["layer"] for row in rows} == {source}
    ids = [row["id"] for row in lines(neuronpedia / "1-res" / "activations")]
    assert len(set(ids)) == len(ids)


def test_every_label_is_an_explanation_under_names_that_neuronpedia_knows(neuronpedia: Path, tiny: Path) -> None:
    with open_atlas(tiny, read_only=True) as atlas:
        labels = atlas.rows("SELECT CAST(feature AS VARCHAR), label FROM feature_label WHERE sae = 0")
    found = lines(neuronpedia / "1-res" / "explanations")
    assert sorted((row["index"], row["description"]) for row in found) == sorted(labels)
    assert {row["typeName"] for row in found} == {None, "oai_token-act-pair"}


def test_dashboards_say_what_the_bulk_export_says(neuronpedia: Path, dashboards: list[Row]) -> None:
    features = lines(neuronpedia / "1-res" / "features")
    assert [feature["feature_index"] for feature in dashboards] == list(range(FEATURES))
    for feature, row in zip(dashboards, features, strict=True):
        for name in ("pos_str", "pos_values", "neg_str", "neg_values", "frac_nonzero", "freq_hist_data_bar_heights"):
            assert feature[name] == row[name]
    windows = [
        (str(feature["feature_index"]), window["tokens"], window["values"], window["bin_min"])
        for feature in dashboards
        for window in feature["activations"]
    ]
    shown = lines(neuronpedia / "1-res" / "activations")
    assert windows == [(row["index"], row["tokens"], row["values"], row["binMin"]) for row in shown]


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_is_there_whole_or_not_at_all(tiny: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(SelectionError, match="no SAE 'tiny/x'"):
        export(tiny, name, tmp_path / "new", Wanted(("tiny/x",)))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "new").mkdir()
    export(tiny, name, tmp_path / "new", Wanted())
    with pytest.raises(AtlasError, match="is there already"):
        export(tiny, name, tmp_path / "new", Wanted())
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("name", ["neuronpedia", "saedashboard", "delphi"])
def test_two_saes_of_one_place_are_both_named_and_chosen_from(tiny_copy: Path, tmp_path: Path, name: str) -> None:
    with open_atlas(tiny_copy) as atlas:
        atlas.rows("UPDATE sae SET neuronpedia_id = 'tiny/' || CASE sae WHEN 0 THEN '1-res' ELSE '1-RES' END")
        atlas.rows("UPDATE sae SET hook_name = 'blocks.1.hook_resid_pre'")
    labels = [f"tiny/{sae}" for sae in SAES]
    with pytest.raises(SelectionError, match=rf"{labels[0]} and {labels[1]} have one .*: choose one, --sae"):
        export(tiny_copy, name, tmp_path / "new", Wanted())
    assert list(tmp_path.glob("*new*")) == []
    for label in labels:
        (line,) = export(tiny_copy, name, tmp_path / label.replace("/", "-"), Wanted((label,)))
        assert line.endswith(label)


@pytest.mark.parametrize("name", ["graphs", "parquet"])
def test_what_is_written_by_its_key_may_be_called_the_same(tiny_copy: Path, tmp_path: Path, name: str) -> None:
    whole = sorted(_files(tiny_copy, name, tmp_path / "apart"))
    with open_atlas(tiny_copy) as atlas:
        atlas.rows("UPDATE sae SET neuronpedia_id = 'tiny/1-res', hook_name = 'blocks.1.hook_resid_pre'")
    assert sorted(_files(tiny_copy, name, tmp_path / "alike")) == whole


def _files(atlas: Path, name: str, folder: Path) -> list[str]:
    export(atlas, name, folder, Wanted())
    return [str(path.relative_to(folder)) for path in folder.rglob("*")]


def test_the_command_wants_one_format(tiny: Path, tmp_path: Path) -> None:
    for options in ((), ("--neuronpedia", str(tmp_path / "a"), "--saedashboard", str(tmp_path / "b"))):
        done = CliRunner().invoke(command, [str(tiny), *options])
        assert done.exit_code == 2 and "name one format" in done.output
    done = CliRunner().invoke(command, [str(tiny), "--saedashboard", str(tmp_path / "a")])
    assert done.exit_code == 0, done.output
    assert f"12 features, 115 windows of tiny/{SAES[0]}" in done.output


def test_a_quick_list_has_at_most_150_features(tiny: Path) -> None:
    own = published_as(
        {"sae": 0, "label": "r/i", "release": "r", "sae_id": "i", "hook_name": "blocks.8.hook_resid_pre"}
        | {"hook_layer": 8, "neuronpedia_id": "gpt2-small/8-res-jb", "model": "gpt2", "pinned": "r/i@0"}
    )
    features = list(range(301))
    asked = [parse_qs(urlsplit(address).query) for address in neuronpedia_quick_lists("body & soul", own, features)]
    assert [each["name"] for each in asked] == [[f"body & soul {number} of 3"] for number in (1, 2, 3)]
    listed = [json.loads(each["features"][0]) for each in asked]
    assert [len(each) for each in listed] == [150, 150, 1]
    assert [int(one["index"]) for each in listed for one in each] == features
    assert listed[0][0] == {"modelId": "gpt2-small", "layer": "8-res-jb", "index": "0"}


def test_the_command_lists_the_candidates_of_a_contrast(tiny: Path) -> None:
    asked = [str(tiny), "mine", "--sae", f"tiny/{SAES[0]}", "--contrast", "medical", "--best", "3", "--feature", "7"]
    done = CliRunner().invoke(quick_list, asked)
    assert done.exit_code == 0, done.output
    listed = json.loads(parse_qs(urlsplit(done.output.strip()).query)["features"][0])
    with open_atlas(tiny, read_only=True) as atlas:
        values: dict[str, str | int | float] = {"contrast": "medical", "sae": f"tiny/{SAES[0]}", "limit": 3}
        best = run_query(atlas, "candidates", values)["feature"].to_pylist()
    assert [int(each["index"]) for each in listed] == list(dict.fromkeys([7, *best]))
    for options, message in (
        (["--sae", f"tiny/{SAES[1]}", "--feature", "1"], "has no name at Neuronpedia"),
        (["--feature", "1"], "a list is of one SAE"),
        (["--sae", f"tiny/{SAES[0]}", "--feature", "99"], "has no feature 99"),
    ):
        done = CliRunner().invoke(quick_list, [str(tiny), "mine", *options])
        assert message in str(done.exception)


@pytest.mark.parametrize("named", ["../../x/3-res", "/abs/3-res", "m/3-../../../x", "a/b/3-res"])
def test_a_name_that_is_no_folder_of_its_own_is_not_taken(named: str) -> None:
    shared = {"sae": 1, "label": "r/s", "release": "r", "sae_id": "s", "hook_name": "blocks.3.hook_resid_pre"}
    row = {**shared, "hook_layer": 3, "neuronpedia_id": named, "model": "../m", "pinned": "r/s@1"}
    own = published_as(row)
    assert (own.model, own.source, own.is_there) == ("m", "3-res-r", False)
    own = published_as({**row, "release": "..", "hook_name": "blocks.3/../../x", "model": "/.."})
    assert (own.model, own.source) == ("unnamed", "3-x-unnamed-1")
