"""Labels that others made: read from their files whole, matched to their own dictionary, or refused in one line."""

import gzip
import json
import shutil
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from atlas.cli.main import cli
from ingest.jobs.import_labels import ImportLabelsRequest, import_labels
from schema import AtlasError, open_atlas
from schema.errors import SelectionError, SourceError
from schema.verify import verify
from tests.made.tiny_atlas import build_tiny_atlas
from tests.made.worded_atlas import D_SAE, write_worded_atlas

SAE = "planted/hook"
DICTIONARY = "gpt2-small/8-res-jb"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas whose SAE is at Neuronpedia."""
    path = write_worded_atlas(tmp_path_factory.mktemp("published") / "atlas.duckdb")
    with open_atlas(path) as atlas:
        atlas.rows(
            "UPDATE sae SET neuronpedia_id = ?, hook_name = 'blocks.8.hook_resid_pre', hook_layer = 8", [DICTIONARY]
        )
    return path


@pytest.fixture
def atlas(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(published, tmp_path / "atlas.duckdb"))


def explained(index: object, description: object = "names of diseases", **fields: object) -> dict[str, Any]:
    """A line of Neuronpedia's export."""
    line: dict[str, Any] = {
        "id": f"id-{index}-{description}",
        "modelId": "gpt2-small",
        "layer": "8-res-jb",
        "index": str(index),
    }
    line |= {"description": description, "typeName": "oai_token-act-pair", "explanationModelName": "gpt-3.5-turbo"}
    return line | {"embedding": [0.25] * 4, "umap_x": 1.0} | fields


def batch(path: Path, lines: Iterable[object]) -> Path:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    return path


def stored(path: Path) -> list[tuple[Any, ...]]:
    with open_atlas(path, read_only=True) as atlas:
        assert not any(finding.violations for finding in verify(atlas))
        return atlas.rows("SELECT feature, label, method, model, source FROM feature_label ORDER BY ALL")


def test_batches_come_in_any_order_and_several_labels_of_a_feature_stay(atlas: Path, tmp_path: Path) -> None:
    second = batch(tmp_path / "batch-1.jsonl.gz", [explained(9), explained(2, "sports", typeName="np_max-act")])
    first = batch(
        tmp_path / "batch-0.jsonl.gz", [explained(10, "  two\n lines "), explained(2, "games"), explained(3, "")]
    )
    found = import_labels(ImportLabelsRequest(atlas, (second, first)))
    assert found.new == {SAE: 4}
    assert stored(atlas) == [
        (2, "games", "oai_token-act-pair", "gpt-3.5-turbo", "batch-0.jsonl.gz"),
        (2, "sports", "np_max-act", "gpt-3.5-turbo", "batch-1.jsonl.gz"),
        (9, "names of diseases", "oai_token-act-pair", "gpt-3.5-turbo", "batch-1.jsonl.gz"),
        (10, "two lines", "oai_token-act-pair", "gpt-3.5-turbo", "batch-0.jsonl.gz"),
    ]


def test_the_same_again_and_an_export_that_overlaps_add_nothing_twice(atlas: Path, tmp_path: Path) -> None:
    first = batch(tmp_path / "batch-0.jsonl.gz", [explained(1), explained(2)])
    second = batch(tmp_path / "batch-1.jsonl.gz", [explained(2), explained(4)])
    run = CliRunner().invoke(cli, ["label", "import", str(atlas), str(first), str(second)])
    assert run.stdout == f"{atlas}: 3 labels of {SAE} imported\n"
    assert (
        "1 labels are said twice and stored once; first: batch-1.jsonl.gz: line 1 says what batch-0.jsonl.gz: line 2"
        in (run.stderr)
    )
    before = stored(atlas)
    run = CliRunner().invoke(cli, ["label", "import", str(atlas), str(second)])
    assert run.stderr == f"{atlas}: nothing new\n2 labels were in it already\n"
    assert stored(atlas) == before


def truncated(path: Path) -> Path:
    whole = batch(path, [explained(number, f"label {number}") for number in range(60)]).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def written(text: str) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        with gzip.open(path, "wt", encoding="utf-8") as file:
            file.write(text)
        return path

    return write


@pytest.mark.parametrize(
    ("bad", "kind", "message"),
    [
        (truncated, SourceError, r"batch-1.jsonl.gz cannot be read beyond line \d+ .*get the file anew"),
        (
            lambda path: batch(path, [explained(5, modelId="gemma-2-2b")]),
            SelectionError,
            rf"line 1 is of gemma-2-2b/8-res-jb, which is no SAE asked for: {DICTIONARY} \({SAE}\)",
        ),
        (
            lambda path: batch(path, [explained(5), explained(D_SAE)]),
            SelectionError,
            rf"line 2: feature {D_SAE} is not in {SAE}, which has 0 to {D_SAE - 1}: .* another dictionary",
        ),
        (lambda path: batch(path, [explained(-1)]), SourceError, "'-1' is no index of a feature"),
        (
            lambda path: batch(path, [explained(5, id="x"), explained(6, id="x")]),
            SourceError,
            "line 2: the id x has named another label before",
        ),
        (lambda path: batch(path, [{"index": 5}]), SourceError, "it has no modelId, layer, description"),
        (lambda path: batch(path, [[5]]), SourceError, "is no JSON object"),
        (
            lambda path: batch(path, [explained(5, "\ud800")]),
            SourceError,
            "line 1: description is no text, .* surrogate",
        ),
        (lambda path: batch(path, [explained(5, id=[1])]), SourceError, r"line 1: id is no text: \[1\]"),
        (lambda path: batch(path, [explained(5, id="\ud800")]), SourceError, "line 1: id is no text, it holds half"),
        (lambda path: batch(path, [explained(5, authorName={"a": 1})]), SourceError, "line 1: authorName is no text"),
        (lambda path: batch(path, [explained(5, typeName=["x"])]), SourceError, "line 1: typeName is no text"),
        (lambda path: batch(path, [explained(5, description=7)]), SourceError, "line 1: description is no text: 7"),
        (
            lambda path: batch(path, [explained(5, explanationModelName="\udfff")]),
            SourceError,
            "line 1: explanationModelName is no text",
        ),
        (lambda path: batch(path, [explained(5) | {"index": [[5]]}]), SourceError, r"\[\[5\]\] is no index"),
        (written("[" * 200_000), SourceError, "batch-1.jsonl.gz: line 1 is no JSON .*recursion"),
        (written("\n" + " " * 10_000_001), SourceError, "batch-1.jsonl.gz: line 2 is longer than 10,000,000"),
        (written("{}\n{"), SourceError, "it has no modelId"),
        (written(json.dumps(explained(1)) + "\n{\n"), SourceError, "line 2 is no JSON"),
        (lambda path: path.parent / "missing.jsonl", SourceError, "missing.jsonl does not exist"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(
    atlas: Path, tmp_path: Path, bad: Callable[[Path], Path], kind: type[AtlasError], message: str
) -> None:
    files = batch(tmp_path / "batch-0.jsonl.gz", [explained(1)]), bad(tmp_path / "batch-1.jsonl.gz")
    with pytest.raises(kind, match=message) as caught:
        import_labels(ImportLabelsRequest(atlas, files))
    assert "\n" not in str(caught.value)
    assert stored(atlas) == []
    with open_atlas(atlas, read_only=True) as opened:
        assert opened.rows("SELECT status FROM ingest_run WHERE command = 'label import'") == [("failed",)]


def test_an_sae_without_a_name_at_neuronpedia_takes_labels_that_are_said_to_be_its_own(
    atlas: Path, tmp_path: Path
) -> None:
    with open_atlas(atlas) as opened:
        opened.rows("UPDATE sae SET neuronpedia_id = NULL")
    files = (batch(tmp_path / "batch-0.jsonl.gz", [explained(1)]),)
    with pytest.raises(SelectionError, match="which is no SAE asked for: none that is published there"):
        import_labels(ImportLabelsRequest(atlas, files))
    with pytest.raises(SelectionError, match=f"say so: --neuronpedia-id {DICTIONARY}"):
        import_labels(ImportLabelsRequest(atlas, files, SAE))
    with pytest.raises(
        SelectionError, match=r"reads blocks\.8\.hook_resid_pre; gpt2-small/7-res-jb is of another block"
    ):
        import_labels(ImportLabelsRequest(atlas, files, SAE, "gpt2-small/7-res-jb"))
    with pytest.raises(
        SelectionError, match="is of gpt2-small/8-res-jb, which is no SAE asked for: gpt2-small/8-res-post"
    ):
        import_labels(ImportLabelsRequest(atlas, files, SAE, "gpt2-small/8-res-post"))
    assert import_labels(ImportLabelsRequest(atlas, files, SAE, DICTIONARY)).new == {SAE: 1}


def test_labels_of_neuronpedia_reach_an_sae_of_which_the_number_of_its_block_alone_is_known(
    atlas: Path, tmp_path: Path
) -> None:
    with open_atlas(atlas) as opened:
        opened.rows("UPDATE sae SET neuronpedia_id = NULL, hook_name = 'layer 8', hook_layer = 8")
    files = (batch(tmp_path / "batch-0.jsonl.gz", [explained(1)]),)
    with pytest.raises(SelectionError, match=r"reads layer 8; gpt2-small/7-res-jb is of another block"):
        import_labels(ImportLabelsRequest(atlas, files, SAE, "gpt2-small/7-res-jb"))
    assert import_labels(ImportLabelsRequest(atlas, files, SAE, DICTIONARY)).new == {SAE: 1}


def test_explanations_of_delphi_are_of_the_module_that_the_sae_reads(atlas: Path, tmp_path: Path) -> None:
    folder = tmp_path / "explanations"
    folder.mkdir()
    (folder / "layers.7_latent3.txt").write_bytes(json.dumps("Names of “diseases”.").encode())
    (folder / "layers.7_latent12.txt").write_text("written as it is", encoding="utf-8")
    with pytest.raises(SelectionError, match=r"names a module, layers\.7; say which SAE it is with --sae"):
        import_labels(ImportLabelsRequest(atlas, (folder,)))
    assert import_labels(ImportLabelsRequest(atlas, (folder,), SAE)).new == {SAE: 2}
    assert [row[:3] for row in stored(atlas)] == [
        (3, "Names of “diseases”.", "delphi"),
        (12, "written as it is", "delphi"),
    ]
    other = folder / "layers.5_latent3.txt"
    other.write_text('"other"', encoding="utf-8")
    with pytest.raises(SelectionError, match=r"is of module layers\.5, but planted/hook reads blocks\.8\."):
        import_labels(ImportLabelsRequest(atlas, (other,), SAE))
    with pytest.raises(SourceError, match=r"notes\.txt is no explanation of delphi's"):
        import_labels(ImportLabelsRequest(atlas, (_file(tmp_path / "notes.txt", "x"),), SAE))


@pytest.mark.parametrize(
    ("hook", "modules", "others"),
    [
        (
            "blocks.5.hook_resid_post",
            ("layers.5", "h.5", "gpt2.h.5", "model.layers.5", "blocks.5.hook_resid_post"),
            ("layers.5.mlp", "layers.5.attn", "gpt5.h.2", "layers.4", "layers.55", "gpt5"),
        ),
        ("blocks.5.hook_resid_pre", ("layers.4", "blocks.4.hook_resid_post"), ("layers.6", "layers.4.mlp")),
        ("blocks.5.hook_mlp_out", ("layers.5.mlp", "gpt2.h.5.mlp"), ("layers.5", "layers.5.attn", "layers.4.mlp")),
        ("blocks.5.hook_attn_out", ("h.5.attn", "layers.5.self_attn"), ("layers.5", "layers.5.mlp")),
        ("blocks.5.attn.hook_z", ("h.5.attn", "gpt_neox.layers.5.attention"), ("layers.5", "layers.5.mlp")),
    ],
)
def test_a_module_of_delphi_is_matched_by_block_and_part(
    atlas: Path, tmp_path: Path, hook: str, modules: tuple[str, ...], others: tuple[str, ...]
) -> None:
    with open_atlas(atlas) as opened:
        opened.rows("UPDATE sae SET hook_name = ?, hook_layer = 5", [hook])
    files = [_file(tmp_path / f"{name}_latent{at}.txt", '"x"') for at, name in enumerate(modules)]
    assert import_labels(ImportLabelsRequest(atlas, tuple(files), SAE)).new == {SAE: len(modules)}
    for name in others:
        with pytest.raises(SelectionError, match=f"is of module {name}, but planted/hook reads {hook}"):
            import_labels(ImportLabelsRequest(atlas, (_file(tmp_path / f"{name}_latent20.txt", '"y"'),), SAE))


def test_two_saes_of_one_name_at_neuronpedia_are_told_apart_by_hand(tmp_path: Path) -> None:
    atlas = tmp_path / "tiny.duckdb"
    build_tiny_atlas(atlas)
    with open_atlas(atlas) as opened:
        opened.rows("UPDATE sae SET neuronpedia_id = ?", [DICTIONARY])
        first, second = (str(name) for (name,) in opened.rows("SELECT label FROM sae ORDER BY ordinal"))
    files = (batch(tmp_path / "batch-0.jsonl.gz", [explained(1)]),)
    with pytest.raises(SelectionError, match=f"as which {first} and {second} are known: give one by --sae"):
        import_labels(ImportLabelsRequest(atlas, files))
    assert import_labels(ImportLabelsRequest(atlas, files, second)).new == {second: 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"\\ud800"', r"layers\.7_latent3\.txt: what it holds is no text, it holds half a surrogate pair"),
        ("[" * 200_000, r"layers\.7_latent3\.txt holds no text, as explanations of delphi's do"),
        ('{"a": 1}', r"layers\.7_latent3\.txt holds no text"),
        ("x" * 10_000_001, r"layers\.7_latent3\.txt is longer than 10,000,000 bytes"),
    ],
)
def test_an_explanation_of_delphi_that_is_no_text_is_refused(
    atlas: Path, tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        import_labels(ImportLabelsRequest(atlas, (_file(tmp_path / "layers.7_latent3.txt", text),), SAE))
    assert "\n" not in str(caught.value)
    assert stored(atlas) == []


def test_a_time_is_stored_in_utc_and_one_that_is_none_is_left_out(atlas: Path, tmp_path: Path) -> None:
    times = ["2024-05-01T12:00:00+02:00", "0001-01-01T00:00:00+10:00", [1], "2024-05-01T12:00:00"]
    lines = [explained(number, createdAt=time) for number, time in enumerate(times)]
    table = _file(tmp_path / "mine.csv", "feature,label,created_at\n5,y,2024-05-01T12:00:00+02:00\n")
    import_labels(ImportLabelsRequest(atlas, (batch(tmp_path / "batch-0.jsonl.gz", lines), table), SAE))
    with open_atlas(atlas, read_only=True) as opened:
        found = [time for (time,) in opened.rows("SELECT created_at FROM feature_label ORDER BY feature")]
    assert found == [datetime(2024, 5, 1, 10), None, None, datetime(2024, 5, 1, 12), datetime(2024, 5, 1, 10)]


def _file(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_names_its_columns_and_may_name_the_sae(atlas: Path, tmp_path: Path) -> None:
    table = _file(
        tmp_path / "mine.csv", '﻿index,description,author,sae\n3,"diseases, of all kinds",me,planted/hook\n4,,me,\n'
    )
    assert import_labels(ImportLabelsRequest(atlas, (table,))).new == {SAE: 1}
    with open_atlas(atlas, read_only=True) as opened:
        assert opened.rows("SELECT feature, label, author, method FROM feature_label") == [
            (3, "diseases, of all kinds", "me", "csv")
        ]


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("feature,name\n1,x\n", SourceError, "has no column label or description; it has feature, name"),
        ("", SourceError, "has no column feature or index; it has none"),
        ("feature,label\n2," + "z" * 10_000_000, SourceError, "mine.csv: line 2 is longer than 10,000,000"),
        ("feature,label\n1," + "z" * 200_000, SourceError, "cannot be read as CSV in UTF-8: field larger than"),
        ("feature,label\nx,y\n", SourceError, "line 2: 'x' is no index"),
        (
            "feature,label,sae\n1,y,other/hook\n",
            SelectionError,
            "is of other/hook, which is no SAE asked for: planted/hook",
        ),
        ("feature,label\n1,y\n", SelectionError, "names no SAE; add a column sae, or name it with --sae"),
    ],
)
def test_a_table_that_cannot_be_is_refused(
    atlas: Path, tmp_path: Path, text: str, kind: type[AtlasError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        import_labels(ImportLabelsRequest(atlas, (_file(tmp_path / "mine.csv", text),)))
    assert stored(atlas) == []
