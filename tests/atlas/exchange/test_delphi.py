"""delphi's cache, read back by safetensors, is what the atlas holds."""

import json
import shutil
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file

from atlas.cli.main import cli
from atlas.exchange import Wanted, export
from atlas.exchange.arrivals import ImportRequest, caches, import_exports, sequences
from atlas.exchange.records import feature_records
from atlas.publish import publish
from atlas.site.serve import served_snapshot_folder
from ingest.models.names import parse_sae_name
from schema import AtlasError, SelectionError, open_atlas
from schema.verify import verify
from tests.made.activation_pages import serving
from tests.made.tiny_atlas import FEATURES, SAES, WINDOW


@pytest.mark.parametrize("sae", range(len(SAES)))
def test_every_activation_stands_on_its_token(tiny: Path, tmp_path: Path, sae: int) -> None:
    (line,) = export(tiny, "delphi", tmp_path / "out", Wanted((f"tiny/{SAES[sae]}",)))
    folder = tmp_path / "out" / SAES[sae]
    files = {path: tuple(map(int, path.stem.split("_"))) for path in folder.glob("*.safetensors")}
    assert sorted(files.values()) == [(0, 1), (2, 3), (4, 6), (7, 8), (9, 11)]
    with open_atlas(tiny, read_only=True) as atlas:
        rows = atlas.rows("SELECT context, position, token_id FROM token")
        held = atlas.rows("SELECT context, position, feature, activation FROM activation WHERE sae = ?", [sae])
        contexts = sorted({context for context, _, _ in rows})
    tokens = np.zeros((len(contexts), WINDOW + 1), int)
    for context, position, token in rows:
        tokens[contexts.index(context), position] = token
    found = set()
    for path, (start, end) in files.items():
        arrays = load_file(path)
        assert (arrays["tokens"] == tokens).all()
        assert arrays["activations"].dtype == np.float16
        for (sequence, position, feature), value in zip(
            arrays["locations"].tolist(), arrays["activations"], strict=True
        ):
            assert 0 <= feature <= end - start
            found.add((contexts[sequence], position, start + feature, float(value)))
    assert found == {
        (context, position, feature, float(np.float16(value))) for context, position, feature, value in held
    }
    assert len(held) == len(found) and f"{len(found):,} activations on {len(contexts)} sequences" in line
    config = json.loads((folder / "config.json").read_text())
    assert (config["ctx_len"], config["n_tokens"]) == (WINDOW + 1, tokens.size)
    assert (config["prepend_bos"], config["filler"]) == (True, 0)
    assert sorted(path.name for path in folder.iterdir()) == sorted(["config.json", *(path.name for path in files)])
    assert max(end for _, end in files.values()) == FEATURES - 1


def test_what_delphi_cannot_hold_is_refused(tiny_copy: Path, tmp_path: Path) -> None:
    with open_atlas(tiny_copy) as atlas:
        atlas.rows("UPDATE activation SET activation = 70000 WHERE sae = 0 AND feature = 1")
        atlas.rows("UPDATE sae SET hook_name = 'blocks.1.hook_resid_pre'")
    with pytest.raises(SelectionError, match="delphi's cache holds at most 65504"):
        export(tiny_copy, "delphi", tmp_path / "out", Wanted((f"tiny/{SAES[0]}",)))
    with open_atlas(tiny_copy) as atlas:
        atlas.rows("UPDATE activation SET activation = 1 WHERE sae = 0")
    with pytest.raises(SelectionError, match=r"tiny/\S+ and tiny/\S+ have one hook point"):
        export(tiny_copy, "delphi", tmp_path / "out", Wanted())
    with open_atlas(tiny_copy) as atlas:
        atlas.rows("INSERT INTO sae_import VALUES (0, 0, 'neuronpedia', 'x', 'y', NULL, NULL, NULL, '{}')")
    with pytest.raises(SelectionError, match="was imported: delphi"):
        export(tiny_copy, "delphi", tmp_path / "out", Wanted((f"tiny/{SAES[0]}",)))
    assert not (tmp_path / "out").exists()


ROWS = """
    SELECT d.text, position, feature, t.token_id, t.text, char_start, char_end, CAST(activation AS FLOAT)
    FROM activation AS a
    JOIN token AS t USING (context, position)
    JOIN context USING (context)
    JOIN document AS d USING (document)
    ORDER BY ALL
"""


@pytest.fixture(scope="module")
def cache(bundled_atlas: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The atlas of the bundled corpora as a cache."""
    folder = tmp_path_factory.mktemp("cache") / "out"
    export(bundled_atlas, "delphi", folder, Wanted())
    return folder


@pytest.fixture(scope="module")
def returned(cache: Path, empty_built: Path) -> Path:
    """That cache in an atlas again, read in small parts."""
    path = Path(shutil.copy(empty_built, cache.parent / "back.duckdb"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caches, "AT_ONCE", 30)
        patch.setattr(caches, "ROWS", 1_000)
        patch.setattr(sequences, "HELD", 1_000)
        done = CliRunner().invoke(cli, ["import", str(path), str(cache), "--corpus", "both"])
    assert done.exit_code == 0, done.output
    return path


def test_a_cache_is_read_back_row_for_row(bundled_atlas: Path, cache: Path, returned: Path, tmp_path: Path) -> None:
    with open_atlas(bundled_atlas, read_only=True) as before, open_atlas(returned, read_only=True) as after:
        expected = [(*row[:-1], float(np.float16(row[-1]))) for row in before.rows(ROWS)]
        assert after.rows(ROWS) == sorted(expected) and len(expected) > 1_000
        assert [found.invariant for found in verify(after) if found.violations] == []
        (named,) = after.rows("SELECT label, d_sae, weights_sha256, neuronpedia_id FROM sae")
        records = list(feature_records(after, 0))
        d_sae = before.rows("SELECT d_sae FROM sae")[0][0]
    assert named == (str(parse_sae_name("pocket")), d_sae, None, None)
    assert len(records) == d_sae and any(max(window.values) > 0 for each in records for window in each.windows)
    export(returned, "delphi", tmp_path / "again", Wanted())
    for file in sorted(cache.rglob("*.safetensors")):
        had, has = load_file(file), load_file(tmp_path / "again" / file.relative_to(cache))
        assert {name: array.tolist() for name, array in had.items()} == {n: a.tolist() for n, a in has.items()}
    (again,) = import_exports(ImportRequest(returned, cache, corpus="both"))
    assert again.new == 0


def content(folder: Path) -> dict[str, Any]:
    """What a cache holds: every array, by file, and what its config.json says."""
    arrays = {path.name: {n: a.tolist() for n, a in load_file(path).items()} for path in folder.rglob("*.safetensors")}
    (config,) = folder.rglob("config.json")
    return arrays | {"config": json.loads(config.read_text())}


@pytest.mark.parametrize("ending", [None, "<|endoftext|>"])
def test_windows_without_bos_go_out_and_in_and_out_again(
    bundled_atlas: Path, empty_built: Path, tmp_path: Path, ending: str | None
) -> None:
    own = Path(shutil.copy(bundled_atlas, tmp_path / "own.duckdb"))
    back = Path(shutil.copy(empty_built, tmp_path / "back.duckdb"))
    with open_atlas(own) as atlas:
        atlas.rows("UPDATE tokenization SET prepend_bos = false")
        for table in ("token", "activation"):
            atlas.rows(f"UPDATE {table} SET position = position - 1")
        ((bos,),) = atlas.rows("SELECT token_id FROM vocabulary WHERE text = '<|endoftext|>'")
        if ending:
            atlas.rows(
                "UPDATE token SET token_id = ? WHERE context = 0 AND position = (SELECT tokens - 1 "
                "FROM context WHERE context = 0)",
                [bos],
            )
        tokens = atlas.rows("SELECT context, position, token_id FROM token ORDER BY ALL")
        ((activations,),) = atlas.rows("SELECT COUNT(*) FROM activation")
    export(own, "delphi", tmp_path / "out", Wanted())
    config = content(tmp_path / "out")["config"]
    assert config["prepend_bos"] is False
    assert (config["filler"] == bos) == (ending is None)
    (found,) = import_exports(ImportRequest(back, tmp_path / "out"))
    assert (found.activations, found.left_out) == (activations, 0)
    with open_atlas(back, read_only=True) as atlas:
        assert atlas.rows("SELECT context, position, token_id FROM token ORDER BY ALL") == tokens
        assert atlas.rows("SELECT DISTINCT prepend_bos FROM tokenization") == [(False,)]
        assert [found.invariant for found in verify(atlas) if found.violations] == []
    export(back, "delphi", tmp_path / "again", Wanted())
    assert content(tmp_path / "again") == content(tmp_path / "out")


def test_a_cache_can_be_browsed_though_no_model_ran(returned: Path, tmp_path: Path) -> None:
    publish(returned, tmp_path / "site")
    sae = str(parse_sae_name("pocket"))
    with serving(served_snapshot_folder(tmp_path / "site")) as served:
        with open_atlas(returned, read_only=True) as atlas:
            ((feature,),) = atlas.rows("SELECT feature FROM activation ORDER BY activation DESC, feature LIMIT 1")
        for page in ("/", f"/sae/{sae}", f"/feature/{sae}/{feature}", "/find?q=disease"):
            served.get(page)
        shown = served.get(f"/feature/{sae}/{feature}.json").json()
        said = unescape(served.get(f"/sae/{sae}").text)
    assert shown["sentences"]
    assert "the tokens at both ends are known, if its export shows them" in said
    assert "as its export shows them, if it does" in said


def small_cache(folder: Path, **config: Any) -> Path:
    """A cache of three sequences and two features."""
    folder.mkdir()
    tokens = np.array([[5, 6, 7, 8], [9, 0, 9, 10], [5, 6, 7, 8]], np.int64)
    places = np.array([[0, 3, 1], [1, 0, 0], [2, 3, 1]], np.int64)
    values = np.array([1.5, 0.25, 1.5], np.float32)
    save_file({"tokens": tokens, "locations": places, "activations": values}, folder / "0_1.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_name": "pocket", **config}))
    return folder


@pytest.mark.parametrize(
    ("hook_name", "source", "layer"),
    [
        ("blocks.3.hook_resid_post", "folder/part", 3),
        ("blocks.3.hook_resid_post", "release/blocks.3.hook_resid_post__trainer_0", 3),
        ("blocks.3.attn.hook_z", "release/layer_3/width_16k", 3),
        ("layer 3", "delphi/model.layers.3.mlp", 3),
    ],
)
def test_a_cache_keeps_the_hook_point_of_its_folder(
    empty_atlas: Path, tmp_path: Path, hook_name: str, source: str, layer: int
) -> None:
    import_exports(
        ImportRequest(empty_atlas, small_cache(tmp_path / hook_name, source=source, prepend_bos=False, filler=None))
    )
    with open_atlas(empty_atlas, read_only=True) as atlas:
        assert atlas.rows("SELECT label, hook_name, hook_layer FROM sae") == [(source, hook_name, layer)]
    export(empty_atlas, "delphi", tmp_path / "out", Wanted())
    assert [path.name for path in (tmp_path / "out").iterdir()] == [hook_name]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("r/blocks.0/../../x", "config.json: 'blocks.0/../../x' is no name of an SAE"),
        ("../blocks.0", "config.json: '..' is no name of an SAE"),
        ("r/blocks.0/x", "'blocks.0/x' is no name of a hook point"),
        ("r/blocks.0\0", r"'blocks\.0\\x00' is no name of an SAE"),
        ("r/\ud800", "source is no text"),
    ],
)
def test_a_source_that_would_be_a_path_is_refused(tmp_path: Path, source: str, message: str) -> None:
    folder = small_cache(tmp_path / "in", source=source)
    with pytest.raises(AtlasError, match=message) as caught:
        import_exports(ImportRequest(tmp_path / "a.duckdb", folder))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "a.duckdb").exists()


@pytest.mark.parametrize("hook_name", ["../../x", "/x", "..", ".", "a\\b", "a/b"])
def test_a_hook_name_that_is_no_folder_is_not_written(tiny_copy: Path, tmp_path: Path, hook_name: str) -> None:
    with open_atlas(tiny_copy) as atlas:
        atlas.rows("UPDATE sae SET hook_name = ? WHERE sae = 1", [hook_name])
    (tmp_path / "out").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SelectionError, match=rf"tiny/{SAES[1]} would be written to .*, which is no folder") as caught:
        export(tiny_copy, "delphi", tmp_path / "out" / "new", Wanted())
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
    export(tiny_copy, "delphi", tmp_path / "new", Wanted((f"tiny/{SAES[0]}",)))


def test_a_cache_of_delphis_own_keeps_every_token(empty_atlas: Path, tmp_path: Path) -> None:
    folder = small_cache(tmp_path / "model.layers.3.mlp", dataset_repo="their/data")
    (found,) = import_exports(ImportRequest(empty_atlas, folder))
    assert (found.sae, found.features, found.activations, found.left_out) == ("delphi/model.layers.3.mlp", 2, 2, 1)
    with open_atlas(empty_atlas, read_only=True) as atlas:
        joined = "activation JOIN token USING (context, position)"
        rows = atlas.rows(f"SELECT position, feature, token_id, activation FROM {joined} ORDER BY ALL")
        held = atlas.rows(
            "SELECT hook_layer, prepend_bos, name FROM sae JOIN tokenization USING (tokenization), corpus"
        )
        assert held == [(3, False, "their/data")]
        assert [found.invariant for found in verify(atlas) if found.violations] == []
    assert rows == [(0, 0, 9, 0.25), (3, 1, 8, 1.5)]
    export(empty_atlas, "delphi", tmp_path / "out", Wanted())
    assert content(tmp_path / "out")["config"]["filler"] is None
    back = tmp_path / "back.duckdb"
    import_exports(ImportRequest(back, tmp_path / "out"))
    export(back, "delphi", tmp_path / "again", Wanted())
    assert content(tmp_path / "again") == content(tmp_path / "out")


def test_an_older_cache_of_an_atlas_has_bos_before_and_after_its_texts(
    cache: Path, returned: Path, empty_atlas: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(cache, tmp_path / "in"))
    said(prepend_bos=None, filler=None)(folder)
    import_exports(ImportRequest(empty_atlas, folder, corpus="both"))
    with open_atlas(empty_atlas, read_only=True) as older, open_atlas(returned, read_only=True) as newer:
        assert older.rows(ROWS) == newer.rows(ROWS)


def said(**settings: Any) -> Callable[[Path], None]:
    """What gives the config.json of a cache other settings; those that are None go."""

    def apply(folder: Path) -> None:
        (path,) = folder.rglob("config.json")
        config = json.loads(path.read_text()) | settings
        path.write_text(json.dumps({name: value for name, value in config.items() if value is not None}))

    return apply


def changed(**arrays: Any) -> Callable[[Path], None]:
    """What gives a file of a cache other arrays."""

    def apply(folder: Path) -> None:
        file = min(folder.rglob("*.safetensors"))
        held = load_file(file)
        save_file(held | {name: change(held[name]) for name, change in arrays.items()}, file)

    return apply


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (changed(activations=lambda a: -a), "is no number of 0 or more"),
        (changed(locations=lambda a: a + 60_000), "outside of its sequences or features"),
        (changed(tokens=lambda a: a + 10_000_000), "have tokens beyond the"),
        (changed(tokens=lambda a: a[:-1].copy()), "has other sequences than"),
        (changed(tokens=lambda a: a[::-1].copy()), r"\d+_\d+\.safetensors has other tokens than \S+safetensors; "),
        (changed(locations=lambda a: a * np.array([1, 0, 1], a.dtype)), "at position 0 of sequence"),
        (
            changed(**dict.fromkeys(("locations", "activations"), lambda a: np.concatenate([a, a[:1]]))),
            r"\d+_\d+\.safetensors: feature \d+ has two activations at position",
        ),
        (said(filler=None), "filler a token's number or null"),
        (said(prepend_bos="yes"), "prepend_bos is true or false"),
        (changed(locations=lambda a: a[:, :2].copy()), "have not the shapes of delphi's"),
        (lambda folder: max(folder.rglob("*.safetensors")).write_bytes(b"x" * 30), "is cut short, or no file of a"),
        (lambda folder: min(folder.rglob("*.safetensors")).unlink(), "do not follow those before it"),
        (lambda folder: next(folder.rglob("config.json")).unlink(), "config.json cannot be read"),
        (lambda folder: next(folder.rglob("config.json")).write_text("{}"), "does not say the model_name"),
        (lambda folder: next(folder.rglob("config.json")).write_text('{"model_name": "./no"}'), "no"),
    ],
)
def test_a_faulty_cache_is_one_line_and_leaves_nothing(
    harm: Callable[[Path], object], message: str, cache: Path, empty_atlas: Path, tmp_path: Path
) -> None:
    harm(Path(shutil.copytree(cache, tmp_path / "in")))
    with pytest.raises(AtlasError, match=message) as caught:
        import_exports(ImportRequest(empty_atlas, tmp_path / "in"))
    assert "\n" not in str(caught.value)
    with open_atlas(empty_atlas, read_only=True) as atlas:
        assert atlas.rows("SELECT (SELECT COUNT(*) FROM sae), (SELECT COUNT(*) FROM document)") == [(0, 0)]
