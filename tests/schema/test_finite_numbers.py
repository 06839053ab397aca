"""No NaN and no infinity gets in; a file that holds some says what to do, and removing its SAE mends it."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from atlas.cli.main import cli
from atlas.publish import publish
from ingest.encode.batch import BatchEncoder
from ingest.jobs.ingest import IngestRequest
from ingest.jobs.remove import RemoveRequest, remove_into
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from ingest.models.sae_files import load_sae
from ingest.models.weights import check_finite
from schema import AtlasDamagedError, ModelError, SelectionError, open_atlas
from schema.tables import metadata
from schema.verify import verify
from tests.made.jobs import ingest_with
from tests.made.older_atlas import build_older_atlas
from tests.made.tiny_models import loaded, save_sae, tiny_sae

Pocket = tuple[LanguageModel, list[SAE]]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(("tensor", "place"), [("W_dec", (5, 2)), ("W_enc", (2, 5)), ("b_enc", (5,)), ("b_dec", (5,))])
def test_an_sae_with_a_weight_that_is_no_number_is_refused(
    tensor: str, place: tuple[int, ...], value: float, tmp_path: Path
) -> None:
    module = tiny_sae("standard")
    module.state_dict()[tensor][place] = value
    folder = save_sae(module, tmp_path / "sae")
    feature = "" if tensor == "b_dec" else ", feature 5"
    with pytest.raises(ModelError) as refused:
        load_sae(folder)
    assert f"{value:g} at {tensor}{list(place)}{feature}, and 0 more" in str(refused.value)


def test_a_model_with_a_weight_that_is_no_number_is_refused() -> None:
    weights = {"wte": torch.ones(4, 3), "ids": torch.arange(3)}
    check_finite("model m", weights.items())
    weights["wte"][2, 1] = torch.inf
    with pytest.raises(ModelError, match=r"^model m cannot be used: inf at wte\[2, 1\], and 0 more"):
        check_finite("model m", weights.items())
    check_finite("model m", [("large", torch.full((9,), 3e38))])


@pytest.mark.parametrize("architecture", ["standard", "jumprelu", "topk"])
def test_activations_that_are_no_numbers_are_named(architecture: str, pocket: Pocket) -> None:
    settings = {"k": 5} if architecture == "topk" else {}
    sae = loaded(tiny_sae(architecture, d_in=256, **settings), context_size=16)
    encode = sae.sparse_rows
    for value in (torch.nan, torch.inf, -torch.inf):
        x = torch.zeros(3, 256)
        x[1, 7] = value
        with pytest.raises(ModelError, match="what is read is NaN, infinite"):
            encode(x)
    sae.module.W_enc.data[:, 4] = 1e20
    with pytest.raises(ModelError, match="the activation of feature 4 is NaN, infinite"):
        encode(torch.ones(2, 256))
    sae.module.W_enc.data[:, 4], sae.module.b_enc.data[4] = 0, 1e20
    batch = BatchEncoder.of(pocket[0], [loaded(sae.module, context_size=16)])
    with pytest.raises(
        ModelError, match=rf"{sae.hook_name}: the activation of feature 4 .*in the document 'A fever\.'"
    ):
        batch.encode(["A fever."], ["0"], [[True]])


def numbers_of(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every table but the runs."""
    with open_atlas(path, read_only=True) as atlas:
        names = [table.name for table in metadata.sorted_tables if table.name not in ("ingest_run", "migration")]
        return {name: atlas.rows(f"FROM {name} ORDER BY ALL") for name in names}


@pytest.fixture(scope="module")
def built(pocket: Pocket, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas of two SAEs with other windows, as `with` and `without` the second."""
    folder = tmp_path_factory.mktemp("removal")
    source = folder / "texts.jsonl"
    texts = [f'{{"text": "Case {n}: a fever and a cough.", "domain": "{"ab"[n % 2]}"}}' for n in range(12)]
    source.write_text("\n".join(texts) + "\n")
    first = loaded(tiny_sae("standard", d_in=256), context_size=16)
    second = loaded(tiny_sae("standard", d_in=256, seed=1), context_size=8)
    for name, saes in (("with", [first, second]), ("without", [first])):
        for sae in saes:
            ingest_with(IngestRequest(folder / f"{name}.duckdb", (str(source),)), pocket[0], [sae])
        contrast = ["contrast", str(folder / f"{name}.duckdb"), "c", "--positive", "domain=a", "--control", "domain=b"]
        assert CliRunner().invoke(cli, contrast).exit_code == 0
    return folder


@pytest.fixture
def both(built: Path, tmp_path: Path) -> Path:
    path = tmp_path / "atlas.duckdb"
    path.write_bytes((built / "with.duckdb").read_bytes())
    return path


def test_what_remains_is_an_atlas_without_the_sae(both: Path, built: Path) -> None:
    done = CliRunner().invoke(cli, ["remove", str(both), "--sae", "tiny/blocks.0.hook_resid_pre"])
    assert done.exit_code == 0, done.output
    assert "tiny/blocks.0.hook_resid_pre@" in done.output
    left, never = numbers_of(both), numbers_of(built / "without.duckdb")
    for name in ("sae", "ingest_run"):
        left.pop(name, None)
        never.pop(name, None)
    assert {name: len(rows) for name, rows in left.items()} == {name: len(rows) for name, rows in never.items()}
    assert left["activation"] == never["activation"]
    assert left["feature_corpus"] == never["feature_corpus"]
    with open_atlas(both) as atlas:
        assert not [finding for finding in verify(atlas) if finding.violations]
        assert atlas.rows("SELECT label, ordinal FROM sae") == [("tiny/blocks.0.hook_resid_pre", 0)]
        with pytest.raises(SelectionError, match=r"has no SAE 'tiny/other'; it has tiny/blocks\.0"):
            remove_into(atlas, RemoveRequest(atlas.path, sae="tiny/other"))
        remove_into(atlas, RemoveRequest(atlas.path, sae="tiny/blocks.0.hook_resid_pre"))
        assert not [finding for finding in verify(atlas) if finding.violations]
        for name in ("sae", "model", "tokenization", "vocabulary", "context", "token", "activation", "contrast"):
            assert atlas.rows(f"SELECT COUNT(*) FROM {name}") == [(0,)], name
        assert atlas.rows("SELECT COUNT(*) FROM document") == [(12,)]


def test_a_removal_that_is_killed_is_finished_by_the_same_command(both: Path) -> None:
    """Killed as soon as its transaction has begun, or let through."""
    remove = [sys.executable, "-m", "atlas", "remove", str(both), "--sae", "tiny/blocks.0.hook_resid_pre"]
    script = "import os, signal, sys; from ingest.rows import removal; "
    script += "removal.name_saes = lambda atlas: os.kill(os.getpid(), signal.SIGKILL); "
    script += "from atlas.cli.main import cli; cli(sys.argv[1:])"
    killed = subprocess.run(
        [sys.executable, "-c", script, *remove[3:]], capture_output=True, check=False, env=os.environ
    )
    assert killed.returncode == -signal.SIGKILL
    with open_atlas(both) as atlas:
        assert atlas.rows("SELECT COUNT(*) FROM sae") == [(2,)]
        assert not [finding for finding in verify(atlas) if finding.violations]
        remove_into(atlas, RemoveRequest(atlas.path, sae="tiny/blocks.0.hook_resid_pre"))
        assert atlas.rows("SELECT COUNT(*) FROM sae") == [(1,)]


SPOILT = {
    "a feature's logit weights": "UPDATE feature SET logit_mean = 'nan' WHERE sae = 1 AND feature = 5",
    "an activation": "UPDATE activation SET activation = 'inf' WHERE sae = 1 AND feature = 5",
    "an activation on BOS": "UPDATE bos_activation SET activation = 'inf' WHERE sae = 1",
}


@pytest.fixture(scope="module")
def older_built(built: Path) -> Path:
    """The atlas of two SAEs as version 2 had it; to be copied."""
    build_older_atlas(built / "with.duckdb", built / "old.duckdb", version=2)
    return built / "old.duckdb"


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_file_that_holds_such_rows_says_what_to_do(
    spoil: str, older_built: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = Path(shutil.copy(older_built, tmp_path))
    with duckdb.connect(str(path)) as file:
        file.execute(spoil)
    what = f"{path} holds NaN or infinity in"
    mended_by = f"atlas remove {path} --sae tiny/blocks.0.hook_resid_pre"
    open_atlas(path).close()
    assert what in caplog.text
    assert caplog.text.rstrip().endswith(mended_by)
    with pytest.raises(AtlasDamagedError, match=mended_by):
        publish(path, tmp_path / "site")
    told = CliRunner().invoke(cli, ["verify", str(path)])
    assert isinstance(told.exception, AtlasDamagedError)
    assert str(told.exception).endswith(mended_by)
    assert CliRunner().invoke(cli, mended_by.split()[1:]).exit_code == 0
    publish(path, tmp_path / "site")
    assert CliRunner().invoke(cli, ["verify", str(path)]).exit_code == 0


def test_a_moment_that_is_none_is_made_anew_by_the_migration(built: Path, tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"
    build_older_atlas(built / "with.duckdb", path, version=2)
    with duckdb.connect(str(path)) as file:
        file.execute("UPDATE feature_corpus SET std = 'nan' WHERE sae = 1")
    with open_atlas(path) as atlas:
        assert not [finding for finding in verify(atlas) if finding.violations]


def test_what_cannot_be_summed_says_what_to_do(both: Path, pocket: Pocket) -> None:
    with duckdb.connect(str(both)) as file:
        file.execute("UPDATE activation SET activation = 'inf' WHERE sae = 1 AND feature = 5")
        file.execute("UPDATE coverage SET summed = false WHERE sae = 1")
        for table in ("feature_document", "feature_corpus", "feature_histogram", "feature_token", "feature_example"):
            file.execute(f"DELETE FROM {table} WHERE sae = 1")
        file.execute("DELETE FROM sae_corpus WHERE sae = 1")
    refused = CliRunner().invoke(cli, ["remove", str(both), "--corpus", "texts/a"])
    assert isinstance(refused.exception, AtlasDamagedError)
    assert "take out what has them: atlas remove" in str(refused.exception)
    assert CliRunner().invoke(cli, ["remove", str(both), "--sae", "tiny/blocks.0.hook_resid_pre"]).exit_code == 0
    assert CliRunner().invoke(cli, ["remove", str(both), "--corpus", "texts/a"]).exit_code == 0
    assert np.isfinite(np.concatenate([np.ravel(row) for row in numbers_of(both)["activation"]])).all()
