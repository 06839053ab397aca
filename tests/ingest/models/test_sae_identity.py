"""What an SAE is: its weights and how they are read. Names mean the newest, and name@hash one for ever."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from sae_lens.registry import get_sae_training_class
from sae_lens.saes.sae import SAEMetadata

from atlas.cli.main import cli
from ingest.jobs.ingest import IngestRequest, IngestResult
from ingest.models.language_model import LanguageModel, Processing, load_language_model
from ingest.models.names import parse_sae_name
from ingest.models.sae import SAE
from ingest.models.sae_files import load_sae
from ingest.rows.sae_keys import sae_keys_if_held
from schema import ModelError, open_atlas
from schema.verify import verify
from tests.made.architectures import save_model
from tests.made.jobs import ingest_with
from tests.made.older_atlas import build_older_atlas
from tests.made.tiny_models import loaded, tiny_sae

Pocket = tuple[LanguageModel, list[SAE]]

TEXTS = (
    "A fever of 39 degrees, a cough and a cold, and nothing else that day.",
    "The heart.",
    "Two lungs and a liver.",
)
NAMED = "SELECT label, pinned, ordinal FROM sae ORDER BY sae"


@pytest.fixture(scope="module")
def model(pocket: Pocket) -> LanguageModel:
    return pocket[0]


def reader(architecture: str = "topk", context_size: int = 16, **options: Any) -> SAE:
    """An SAE that reads pocket: of the same name and weights, whatever its settings."""
    settings = {"k": 5} if architecture == "topk" else {}
    module = tiny_sae(architecture, d_in=256, **(settings | options))
    sae = loaded(module, context_size=context_size)
    return dataclasses.replace(sae, name=dataclasses.replace(sae.name, sae_id="output"))


def read(path: Path, model: LanguageModel, sae: SAE, texts: tuple[str, ...] = TEXTS) -> IngestResult:
    """Ingest texts, a line each."""
    source = path.with_name("texts.txt")
    source.write_text("\n".join(texts) + "\n")
    return ingest_with(IngestRequest(path, (str(source),)), model, [sae])


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as file:
        return file.execute(sql).fetchall()


def activations(path: Path, sae: int) -> list[tuple[Any, ...]]:
    where = f"FROM activation JOIN context USING (context) WHERE sae = {sae}"
    return rows(path, f"SELECT content_hash, position, feature, activation {where} ORDER BY ALL")


@pytest.fixture(scope="module")
def once(model: LanguageModel, empty_built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas of the three texts through the one SAE; to be copied."""
    path = Path(shutil.copy(empty_built, tmp_path_factory.mktemp("once")))
    assert read(path, model, reader()).counts.documents == 3
    return path


CHANGED = {
    "k": {"k": 20},
    "hook": {"hook_name": "blocks.2.hook_resid_pre"},
    "normalisation": {"normalize_activations": "layer_norm"},
    "bias": {"apply_b_dec_to_input": False},
    "rescaling": {"rescale_acts_by_decoder_norm": True},
    "window": {"context_size": 12},
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
def test_other_settings_are_another_sae(
    changed: dict[str, Any], model: LanguageModel, once: Path, empty_built: Path, tmp_path: Path
) -> None:
    before, after = reader(), reader(**changed)
    assert before.weights_sha256 == after.weights_sha256
    path, alone = Path(shutil.copy(once, tmp_path)), Path(shutil.copy(empty_built, tmp_path / "alone.duckdb"))
    assert read(path, model, after).counts.documents == 3
    assert read(path, model, before).counts.documents == 0
    read(alone, model, after)
    assert activations(path, 1) == activations(alone, 0)
    assert activations(path, 1) != activations(path, 0)
    with open_atlas(path, read_only=True) as atlas:
        assert not [finding for finding in verify(atlas) if finding.violations]


def test_a_model_read_otherwise_is_another(model: LanguageModel, once: Path, tmp_path: Path) -> None:
    path, config = Path(shutil.copy(once, tmp_path)), model.bridge.original_model.config
    epsilon = config.layer_norm_epsilon
    try:
        config.layer_norm_epsilon = 1e-3
        assert read(path, model, reader()).counts.documents == 3
    finally:
        config.layer_norm_epsilon = epsilon
    assert read(path, model, reader()).counts.documents == 0
    assert len(rows(path, "FROM model")) == 2
    assert rows(path, "SELECT model FROM sae ORDER BY sae") == [(0,), (1,)]


def test_the_name_means_the_newest_and_a_hash_one_for_ever(model: LanguageModel, once: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(once, tmp_path))
    other = loaded(tiny_sae("topk", d_in=256, k=5), context_size=16)
    read(path, model, other)
    first, second = rows(path, NAMED)
    assert first[0] == "tiny/output" and first[1].startswith("tiny/output@")
    assert (first[2], second[2]) == (0, 1)
    read(path, model, reader(k=20))
    old, beside, new = rows(path, NAMED)
    assert (old[0], new[0]) == (first[1], "tiny/output")
    assert [old[2], beside[2], new[2]] == [1, 2, 0]
    assert len({old[1], beside[1], new[1]}) == 3
    l0 = dict(rows(path, "SELECT label, activations / tokens FROM sae_corpus JOIN sae USING (sae)"))
    assert l0[new[0]] > 2 * l0[old[0]]
    for spelled, label in ((new[0], new[0]), (new[1], new[0]), (old[1], old[0])):
        asked = CliRunner().invoke(
            cli, ["query", str(path), "densest_features", "-p", f"sae={spelled}", "-p", "limit=100", "--format", "json"]
        )
        assert asked.exit_code == 0, asked.output
        with duckdb.connect() as memory:
            (tmp_path / "asked.json").write_text(asked.stdout)
            total = memory.execute(f"SELECT SUM(density) FROM '{tmp_path / 'asked.json'}'").fetchall()[0][0]
        assert total == pytest.approx(l0[label])
    unknown = CliRunner().invoke(
        cli, ["query", str(path), "feature_card", "-p", "sae=tiny/output@000000", "-p", "feature=0"]
    )
    assert unknown.exit_code == 1
    assert "has no SAE 'tiny/output@000000'" in str(unknown.exception)


def test_a_hash_is_held_to_where_an_sae_is_loaded(model: LanguageModel, once: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(once, tmp_path))
    pin = rows(path, "SELECT pinned FROM sae")[0][0].partition("@")[2]
    pinned, changed = (
        dataclasses.replace(sae, name=dataclasses.replace(sae.name, pin=pin)) for sae in (reader(), reader(k=20))
    )
    assert read(path, model, pinned).counts.documents == 0
    with pytest.raises(ModelError, match=rf"tiny/output is tiny/output@\w{{6}} now: .*@{pin}"):
        read(path, model, changed)
    assert len(rows(path, "FROM sae")) == 1
    assert parse_sae_name(f"pocket@{pin}") == dataclasses.replace(parse_sae_name("pocket"), pin=pin)


@pytest.mark.parametrize("settings", [{}, {"k": 20}], ids=["same", "other"])
def test_what_version_2_stored_is_taken_up_if_it_is_given_again(
    settings: dict[str, Any], model: LanguageModel, once: Path, tmp_path: Path
) -> None:
    path = tmp_path / "old.duckdb"
    build_older_atlas(once, path, version=2)
    stored = activations(path, 0)
    result = read(path, model, reader(**settings))
    assert (tmp_path / "old.v2.duckdb").exists()
    assert activations(path, 0) == stored
    known = rows(path, "SELECT config ->> 'k', added_at IS NOT NULL FROM sae ORDER BY sae")
    if settings:
        assert result.counts.documents == 3
        assert known == [(None, True), ("20", True)]
    else:
        assert result.counts.documents == 0
        assert known == [("5", True)]
    with open_atlas(path) as atlas:
        assert not [finding for finding in verify(atlas) if finding.violations]
        keys = sae_keys_if_held(atlas, model, reader(**settings))
    assert keys is not None
    assert keys.sae == len(known) - 1


def test_what_an_sae_was_saved_from_is_kept_and_entered_in_older_rows(model: LanguageModel, tmp_path: Path) -> None:
    """A BatchTopK of SAELens, saved as it saves one for use."""
    sae_class, config_class = get_sae_training_class("batchtopk")
    metadata = SAEMetadata(hook_name="blocks.1.hook_resid_pre", model_name="pocket", context_size=16)
    trained = sae_class(config_class(d_in=256, d_sae=40, k=6, metadata=metadata))
    trained.save_inference_model(tmp_path / "sae")
    sae, path = load_sae(str(tmp_path / "sae")), tmp_path / "atlas.duckdb"
    assert (sae.architecture, sae.trained_as) == ("jumprelu", "batchtopk")
    assert reader().trained_as is None
    read(path, model, sae)
    assert rows(path, "SELECT architecture, trained_as FROM sae") == [("jumprelu", "batchtopk")]
    older = tmp_path / "older.duckdb"
    build_older_atlas(path, older, version=17)
    assert read(older, model, sae).counts.documents == 0
    assert rows(older, "SELECT trained_as FROM sae") == [("batchtopk",)]


WITHOUT_GAIN = dict.fromkeys(("logit_mean", "logit_std", "logit_skewness", "logit_kurtosis"), "1.0")
LOGITS = f"SELECT {', '.join(WITHOUT_GAIN)}, top_logits, bottom_logits FROM feature JOIN sae USING (sae)"


@pytest.mark.parametrize("architecture", ["gpt2", "gemma2", "gemma3"])
def test_logit_weights_of_before_the_gain_of_a_norm_are_taken_out_and_made_again(
    tmp_path: Path, architecture: str
) -> None:
    """Those off the stream of Gemma 2 and 3 alone: others stay as they were, and a rerun gives what is missing."""
    save_model(architecture, tmp_path / "model")
    model = load_language_model(str(tmp_path / "model"), Processing())
    width = 4 * (16 if architecture.startswith("gemma") else 8)
    hooks = {"attn.hook_z": width, "mlp.hook_post": 64 if width == 64 else 128, "hook_resid_pre": 32}
    saes = [
        loaded(tiny_sae("standard", d_in, hook_name=f"blocks.1.{kind}"), context_size=16)
        for kind, d_in in hooks.items()
    ]
    today, older, of_stream = tmp_path / "today.duckdb", tmp_path / "older.duckdb", " WHERE logit_weights = 'plain'"
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS) + "\n")
    source = (str(tmp_path / "texts.txt"),)
    ingest_with(IngestRequest(today, source), model, saes)
    build_older_atlas(today, older, 18, {"feature": WITHOUT_GAIN})
    open_atlas(older).close()
    gone = rows(older, f"SELECT COUNT(*) FROM ({LOGITS}) WHERE logit_mean IS NULL AND top_logits = '[]'")
    assert gone == [(80 if architecture.startswith("gemma") else 0,)]
    assert {row[:4] for row in rows(older, LOGITS + of_stream)} == {(1.0,) * 4}
    assert rows(older, "SELECT logit_weights FROM sae ORDER BY sae") == [("W_O",), ("W_out",), ("plain",)]
    assert ingest_with(IngestRequest(older, source), model, saes).counts.documents == 0
    off_stream = f"{LOGITS} WHERE logit_weights <> 'plain' ORDER BY sae, feature"
    if architecture.startswith("gemma"):
        assert rows(older, off_stream) == rows(today, off_stream)
    assert {row[:4] for row in rows(older, LOGITS + of_stream)} == {(1.0,) * 4}
    with open_atlas(older, read_only=True) as atlas:
        assert not [finding for finding in verify(atlas) if finding.violations]
