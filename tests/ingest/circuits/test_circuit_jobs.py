"""`atlas circuit`: stored once, resumed, taken away with what it rests on, refused with a line, and drawn."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from atlas.cli.circuit import command
from atlas.cli.main import cli
from atlas.cli.options import chosen_features
from ingest.attribution.prompts import prompt_of_text
from ingest.circuits.patching.metrics import FeatureMetric
from ingest.circuits.patching.patch_rows import store_pair
from ingest.circuits.patching.patch_study import patch_pair
from ingest.circuits.patching.prompt_pairs import pair_of_texts
from ingest.circuits.tracer import Tracer
from ingest.jobs.attention import AttentionRequest, attention
from ingest.jobs.contrast import ContrastRequest, contrast_into
from ingest.jobs.direct import DirectRequest, direct
from ingest.jobs.ingest import IngestRequest, ingest
from ingest.jobs.patch import PatchRequest, patch
from ingest.jobs.progress import Progress
from ingest.jobs.reader import Reader, name_with_hash
from ingest.jobs.remove import RemoveRequest, remove
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from queries import run_query
from schema import AtlasError, open_atlas
from schema.methods import METHODS
from schema.verify import verify
from tests.made.small_saes import save_part
from tests.made.tiny_models import loaded as loaded_sae
from tests.made.tiny_models import tiny_sae

TABLES = (
    "patch_pair",
    "patch_effect",
    "direct_attribution",
    "direct_part",
    "attention_pair",
    "attention_summary",
    "attention_head",
)
PAIR = ("The nurse gave him some medicine", "The judge gave him some medicine")


def counts(path: Path) -> dict[str, int]:
    with open_atlas(path, read_only=True) as atlas:
        return {table: atlas.rows(f"SELECT COUNT(*) FROM {table}")[0][0] for table in TABLES}


def wrong(path: Path) -> list[str]:
    with open_atlas(path, read_only=True) as atlas:
        return [finding.invariant for finding in verify(atlas) if finding.violations]


@pytest.fixture(scope="module")
def feature(bundled_atlas: Path) -> int:
    """The feature that fires on most documents, though not everywhere."""
    with open_atlas(bundled_atlas, read_only=True) as atlas:
        fires = "SELECT feature FROM feature_document GROUP BY feature HAVING COUNT(*) < 200"
        return int(atlas.rows(f"{fires} ORDER BY COUNT(*) DESC, feature")[0][0])


@pytest.fixture(scope="module")
def traced(bundled_atlas: Path, feature: int, tmp_path_factory: pytest.TempPathFactory, pocket_reader: Reader) -> Path:
    """The bundled atlas with a little of everything."""
    path = Path(shutil.copy(bundled_atlas, tmp_path_factory.mktemp("traced") / "atlas.duckdb"))
    patch(PatchRequest(path, (feature,), sets=(("medical",), ("control",)), limit=3, reader=pocket_reader))
    patch(PatchRequest(path, pairs=(PAIR,), tokens=(None, " the"), reader=pocket_reader))
    direct(DirectRequest(path, (feature,), documents=("medical",), limit=4, reader=pocket_reader))
    attention(AttentionRequest(path, documents=("medical", "control"), limit=140, reader=pocket_reader))
    return path


def test_every_invariant_holds_and_a_rerun_is_free(traced: Path, feature: int, pocket_reader: Reader) -> None:
    assert wrong(traced) == []
    before = counts(traced)
    assert all(before.values())
    again = patch(PatchRequest(traced, (feature,), sets=(("medical",), ("control",)), limit=3, reader=pocket_reader))
    assert (again.new, again.sites) == ([], 0)
    assert direct(DirectRequest(traced, (feature,), documents=("medical",), limit=4, reader=pocket_reader)).new == []
    looked = attention(AttentionRequest(traced, documents=("medical", "control"), limit=140, reader=pocket_reader))
    assert (looked.new, looked.known) == (0, 140)
    assert counts(traced) == before


def test_rows_of_an_older_method_are_computed_again(
    traced: Path, feature: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pocket_reader: Reader
) -> None:
    path = Path(shutil.copy(traced, tmp_path / "atlas.duckdb"))
    figures, before = "SELECT corpus, layer, head, ROUND(entropy, 5) FROM attention_head ORDER BY ALL", counts(traced)
    with open_atlas(path) as atlas:
        expected = atlas.rows(figures)
        atlas.rows("UPDATE attention_summary SET entropy = 99")
        atlas.rows("UPDATE direct_part SET value = 99")
    for name in ("attention", "direct attribution"):
        monkeypatch.setitem(METHODS, name, replace(METHODS[name], revision=METHODS[name].revision + 1))
    looked = attention(AttentionRequest(path, documents=("medical", "control"), limit=140, reader=pocket_reader))
    found = direct(DirectRequest(path, (feature,), documents=("medical",), limit=4, reader=pocket_reader))
    assert (looked.new, looked.known) == (140, 0)
    assert (len(found.new), found.known) == (before["direct_attribution"], [])
    assert counts(path) == before
    assert wrong(path) == []
    with open_atlas(path, read_only=True) as atlas:
        assert atlas.rows(figures) == expected


def test_stopped_anywhere_the_same_command_finishes(
    bundled_atlas: Path, feature: int, tmp_path: Path, pocket_reader: Reader
) -> None:
    path = Path(shutil.copy(bundled_atlas, tmp_path / "atlas.duckdb"))

    def stop(progress: Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    request = DirectRequest(path, (feature,), documents=("medical",), limit=5, reader=pocket_reader)
    with pytest.raises(KeyboardInterrupt):
        direct(request, stop)
    assert wrong(path) == []
    kept = counts(path)["direct_attribution"]
    finished = direct(request)
    assert len(finished.known) == kept
    undisturbed = Path(shutil.copy(bundled_atlas, tmp_path / "other.duckdb"))
    direct(DirectRequest(undisturbed, (feature,), documents=("medical",), limit=5, reader=pocket_reader))
    rows = []
    for each in (path, undisturbed):
        with open_atlas(each, read_only=True) as atlas:
            rows.append(atlas.rows("SELECT * FROM direct_part ORDER BY ALL"))
    assert rows[0] == rows[1]


def test_what_rests_on_a_document_goes_with_it(traced: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(traced, tmp_path / "atlas.duckdb"))
    remove(RemoveRequest(path, corpus="control"))
    assert wrong(path) == []
    after = counts(path)
    assert after["patch_pair"] == 1  # the one given by hand
    assert 0 < after["attention_summary"] < counts(traced)["attention_summary"]
    remove(RemoveRequest(path, sae="pocket/blocks.3.hook_resid_pre"))
    assert wrong(path) == []
    assert not any(counts(path).values())  # features of the SAE are sites on the way to a logit, too


def test_a_stored_pair_is_what_the_two_prompts_give(traced: Path) -> None:
    with open_atlas(traced, read_only=True) as atlas:
        rows = atlas.rows(
            """
            SELECT p.clean_value, MAX(a.activation)
            FROM patch_pair AS p
            JOIN context AS c ON c.document = p.document
            JOIN activation AS a ON a.context = c.context
              AND a.sae = p.sae
              AND a.feature = p.feature
              AND a.position = p.position
            GROUP BY ALL
            """
        )
    assert rows
    for ours, stored in rows:
        assert ours == pytest.approx(stored, rel=1e-3)


BAD = (
    (("--pair", "A nurse", "One old nurse sat"), "a pair needs as many tokens on both sides: 'A nurse' has"),
    (("--pair", "A nurse sat", "A nurse sat"), "a pair has to differ"),
    (("--pair", *PAIR, "--feature", "999999"), "feature 999999 is not in pocket/blocks.3.hook_resid_pre"),
    (("--pair", *PAIR, "--position", "99"), "position 99 is not in"),
    (("--pair", *PAIR, "--position", "1"), "position 1 of 'The nurse gave him some medicine' is before the first"),
    (("--clean", "medical", "--corrupted", "medical"), "have the same text on both sides"),
    (("--pair", *PAIR, "--target", "antidisestablishment"), "is not one token of pocket"),
    (("--clean", "nothing", "--corrupted", "control"), "'nothing' selects no document"),
    (("--pairs", "no.jsonl"), "no.jsonl cannot be read"),
    (("--pair", *PAIR, "--sae", "pocket/blocks.1.hook_resid_pre"), "does not hold pocket/blocks.1.hook_resid_pre"),
    (("--pair", "word " * 200, "word " * 199 + "other "), "a window holds 127"),
)


@pytest.mark.parametrize(("arguments", "line"), BAD)
def test_bad_input_gets_one_line(atlas_copy: Path, arguments: tuple[str, ...], line: str) -> None:
    result = CliRunner().invoke(cli, ["circuit", "patch", str(atlas_copy), *arguments])
    assert isinstance(result.exception, AtlasError)
    assert line in str(result.exception)
    assert "\n" not in str(result.exception)


def test_a_file_of_pairs_is_read_line_by_line(
    bundled_atlas: Path, feature: int, tmp_path: Path, pocket_reader: Reader
) -> None:
    path = Path(shutil.copy(bundled_atlas, tmp_path / "atlas.duckdb"))
    file = tmp_path / "pairs.jsonl"
    file.write_text(json.dumps({"clean": PAIR[0], "corrupted": PAIR[1]}) + "\n\n", encoding="utf-8")
    assert len(patch(PatchRequest(path, pairs_file=file, reader=pocket_reader)).new) == 1
    for text, line in (("{}", "line 1 is no pair"), ("[1]", "no pair"), ("", "holds no pairs")):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(AtlasError, match=line):
            patch(PatchRequest(path, pairs_file=file, reader=pocket_reader))


def test_a_feature_that_fires_on_neither_is_refused(atlas_copy: Path, pocket_reader: Reader) -> None:
    with open_atlas(atlas_copy, read_only=True) as atlas:
        silent = atlas.rows(
            "SELECT MIN(feature) FROM feature WHERE feature NOT IN (SELECT feature FROM feature_document)"
        )
    with pytest.raises(AtlasError, match="fires on neither prompt"):
        patch(PatchRequest(atlas_copy, (silent[0][0],), pairs=(PAIR,), reader=pocket_reader))
    with pytest.raises(AtlasError, match="fires on none of the 1 prompts"):
        direct(DirectRequest(atlas_copy, (silent[0][0],), texts=(PAIR[0],), reader=pocket_reader))
    with pytest.raises(AtlasError, match="holds no contrast 'no' of this SAE"):
        attention(AttentionRequest(atlas_copy, contrasts=("no",), reader=pocket_reader))


def test_a_feature_is_read_where_the_prompts_differ_though_it_is_stronger_before(
    bundled_atlas: Path, tmp_path: Path, pocket_reader: Reader
) -> None:
    path = Path(shutil.copy(bundled_atlas, tmp_path / "atlas.duckdb"))
    text = "The nurse found blood in {} blood and gave her some medicine"
    texts = text.format("his"), text.format("the")
    loaded = pocket_reader.load()
    with open_atlas(path) as atlas:
        tracer = Tracer.of(atlas, *loaded)
        prompts = [prompt_of_text(text, tracer.tokenization) for text in texts]
        ids = [tracer.tokens(prompt) for prompt in prompts]
        first = int((ids[0] != ids[1]).nonzero()[0])
        hook_name = tracer.sae.hook_name
        values = [tracer.hooked.run(each[None], [hook_name]).values[hook_name][0] for each in ids]
        acts = [tracer.sae.encode(value)[tracer.tokenization.first_position :] for value in values]
    cut = first - tracer.tokenization.first_position
    before, after = acts[0][:cut].amax(0), acts[0][cut:].amax(0)
    stronger = int((before.gt(after) * after).argmax())
    only = int((before * (after + acts[1][cut:].amax(0)).eq(0)).argmax())
    found = patch(PatchRequest(path, (stronger,), pairs=(texts,), reader=pocket_reader))
    assert (len(found.new), found.early, found.silent) == (1, 0, 0)
    with open_atlas(path, read_only=True) as atlas:
        assert atlas.rows("SELECT position FROM patch_pair") == [(cut + 1 + int(acts[0][cut:, stronger].argmax()),)]
    with pytest.raises(AtlasError, match="1 are read before the first token that differs"):
        patch(PatchRequest(path, (only,), pairs=(texts,), reader=pocket_reader))


def test_documents_without_the_position_are_passed_over_and_counted(
    small_copy: Path, small: tuple[LanguageModel, list[SAE]]
) -> None:
    asked = PatchRequest(small_copy, sets=(("medical",), ("control",)), reader=Reader.of(small[0], small[1][1:]))
    found = patch(replace(asked, position=16, limit=2))
    assert len(found.new) == 2
    assert found.short > 0
    with pytest.raises(AtlasError, match=r"can be patched: 0 are read before .*, [0-9]+ do not reach"):
        patch(replace(asked, position=99))


def test_sites_of_two_saes_at_one_hook_point_keep_their_own(
    bundled_atlas: Path, tmp_path: Path, pocket_reader: Reader
) -> None:
    """The one that does not lead to the metric stands between them."""
    path = Path(shutil.copy(bundled_atlas, tmp_path / "atlas.duckdb"))
    model, (sae,) = pocket_reader.load()
    others = [
        loaded_sae(tiny_sae("topk", 256, 64, k=5, hook_name=f"blocks.{layer}.hook_resid_pre")) for layer in (5, 1, 1)
    ]
    with open_atlas(path) as atlas:
        own = Tracer.of(atlas, model, [sae])
        keys = [replace(own.keys[0], sae=number) for number in (1, 2, 3, 4)]
        tracer = replace(own, saes=[sae, *others], keys=keys)
        pair = pair_of_texts(*PAIR, own.tokenization)
        metric = FeatureMetric(sae, 0, len(pair))
        found = patch_pair(tracer, metric, pair, 0.0)
        run = atlas.rows("SELECT MAX(ingest_run) FROM ingest_run")[0][0]
        with atlas.transaction():
            store_pair(atlas, tracer, "", found, run)
        stored = dict(atlas.rows("SELECT sae, COUNT(*) FROM patch_effect WHERE kind = 'feature' GROUP BY sae"))
    assert {site.sae for site in found.sites} == {None, 2, 3}
    assert stored == {place + 1: sum(site.sae == place for site in found.sites) for place in (2, 3)}


@pytest.fixture(scope="module")
def rounded(
    empty_built: Path, small: tuple[LanguageModel, list[SAE]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str, str]:
    """An atlas where an SAE has a contrast in bfloat16 alone; its folder, and the name of that row."""
    folder = tmp_path_factory.mktemp("rounded") / "saes" / "exchanged"
    path = Path(shutil.copy(empty_built, folder.parents[1]))
    save_part(folder, small[1][1], torch.arange(30))
    exact, rounded = Reader((str(folder),)), Reader((str(folder),), precision="bfloat16")
    for reader, corpus, limit in ((exact, "medical", 5), (rounded, "medical", 25), (rounded, "control", 25)):
        ingest(IngestRequest(path, (f"bundled:{corpus}",), limit=limit, reader=reader))
    with open_atlas(path) as atlas:
        contrast_into(atlas, ContrastRequest(path, "medical", ("medical",), ("control",), shuffles=0))
        (pinned,) = atlas.rows("SELECT label FROM sae WHERE label = pinned")[0]
    return path, str(folder), pinned


@pytest.mark.parametrize("hashed", [False, True])
def test_candidates_and_findings_are_of_the_row_that_is_read(
    rounded: tuple[Path, str, str], hashed: bool, tmp_path: Path
) -> None:
    path, folder, pinned = rounded
    with open_atlas(path, read_only=True) as atlas:
        best = run_query(atlas, "candidates", {"contrast": "medical", "sae": pinned, "limit": 5})["feature"].to_pylist()
    assert len(best) == 5
    sae = f"{folder}@{pinned.rpartition('@')[2]}" if hashed else folder
    reader = Reader((sae,), precision="bfloat16")
    assert chosen_features(path, {"features": (), "contrast": "medical", "best": 5, "reader": reader}) == tuple(best)
    copied = shutil.copy(path, tmp_path)
    asked = ("--contrast", "medical", "--sae", sae, "--precision", "bfloat16")
    result = CliRunner().invoke(cli, ["circuit", "attention", str(copied), *asked], catch_exceptions=False)
    assert re.search(r"^medical: \d+ of \d+ looks of heads differ", result.output, re.MULTILINE)


def test_of_several_rows_the_one_that_is_loaded_is_meant(
    rounded: tuple[Path, str, str], small: tuple[LanguageModel, list[SAE]], tmp_path: Path
) -> None:
    read, folder, pinned = rounded
    path = Path(shutil.copy(read, tmp_path))
    shutil.move(folder, tmp_path / "old")
    save_part(Path(folder), small[1][1], torch.arange(30, 60))
    ingest(IngestRequest(path, ("bundled:medical",), limit=2, reader=Reader((folder,))))
    with open_atlas(path, read_only=True) as atlas:
        exact = [str(name) for (name,) in atlas.rows("SELECT pinned FROM sae WHERE pinned <> ? ORDER BY sae", [pinned])]
    assert name_with_hash(path, Reader((folder,))) == exact[1]
    shutil.rmtree(folder)
    shutil.move(tmp_path / "old", folder)
    assert name_with_hash(path, Reader((folder,))) == exact[0], "the files of the older row are back"
    assert name_with_hash(path, Reader((folder,), precision="bfloat16")) == pinned


def test_patterns_are_drawn(bundled_atlas: Path, tmp_path: Path) -> None:
    output = tmp_path / "pattern.png"
    arguments = ["pattern", str(bundled_atlas), "--text", PAIR[0], "--layer", "1", "--head", "3", "-o", str(output)]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.output.startswith(f"{output}: 1 heads of block 1 on 7 tokens")
    assert output.read_bytes().startswith(b"\x89PNG")
    wrong_head = CliRunner().invoke(command, [*arguments[:6], "--head", "8", "-o", str(output)])
    assert "has heads 0 to 7; not 8" in str(wrong_head.exception)
