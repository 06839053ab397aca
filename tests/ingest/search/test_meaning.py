"""Search by meaning is the cosine of pooled vectors, whatever the layout, kept between runs, and without a network."""

import json
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from transformers import (
    BertConfig,
    BertModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    T5Config,
    T5Model,
)

from atlas.cli.main import cli
from ingest.search.embedder import Embedder, embedder_name
from ingest.search.meaning import VectorFile, by_meaning, label_vector_cache, label_vectors
from schema import ModelError, SelectionError, open_atlas

TEXTS = ["names of diseases", "asthma", "a", "cancer, measles and asthma of the lungs", "lungs " * 60]
TEXTS_OF_FOUR = ["asthma", "lungs", "cancer", "a"]
POOLING = "1_Pooling"


@pytest.fixture(scope="module")
def folder(embedder_folder: Path) -> Path:
    return embedder_folder


def laid_out(folder: Path, place: Path, *parts: str, **pooling: Any) -> Path:
    """The model in sentence-transformers' layout."""
    place.mkdir()
    for file in folder.iterdir():
        (place / file.name).symlink_to(file)
    kinds = [("", "Transformer"), (POOLING, "Pooling"), *((part, part) for part in parts)]
    modules = [
        {"idx": n, "path": path, "type": f"sentence_transformers.models.{kind}"} for n, (path, kind) in enumerate(kinds)
    ]
    (place / "modules.json").write_text(json.dumps(modules))
    (place / POOLING).mkdir()
    (place / POOLING / "config.json").write_text(json.dumps({"word_embedding_dimension": 16, **pooling}))
    return place


def plain(folder: Path, text: str, pooling: str) -> np.ndarray:
    """The vector of one text alone, so that nothing is padded."""
    model = BertModel.from_pretrained(folder)
    ids = PreTrainedTokenizerFast.from_pretrained(folder)(text)["input_ids"][:48]
    with torch.no_grad():
        states = model.eval()(torch.tensor([ids])).last_hidden_state[0].numpy()
    pooled = {"mean": states.mean(axis=0), "cls": states[0], "max": states.max(axis=0)}[pooling]
    return pooled / np.linalg.norm(pooled)


@pytest.mark.parametrize("pooling", ["", "mean", "cls", "max"])
def test_vectors_are_those_of_each_text_alone_as_the_folder_pools_them(
    pooling: str, folder: Path, tmp_path: Path
) -> None:
    names = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token", "max": "pooling_mode_max_tokens"}
    said = {name: key == pooling for key, name in names.items()}
    found = Embedder.load(laid_out(folder, tmp_path / "st", "Normalize", **said) if pooling else folder).vectors(TEXTS)
    expected = np.stack([plain(folder, text, pooling or "mean") for text in TEXTS])
    np.testing.assert_allclose(found, expected, atol=2e-6)


@pytest.mark.parametrize(
    ("made", "positions", "told", "read"),
    [
        (BertModel, 700, None, 700),
        (BertModel, 700, 650, 650),
        (BertModel, 48, 650, 48),
        (RobertaModel, 34, None, 33),  # the padding is token 0, positions begin behind it
    ],
)
def test_a_text_is_read_as_far_as_its_model_has_positions(
    made: Any, positions: int, told: int | None, read: int, folder: Path, tmp_path: Path
) -> None:
    config = {BertModel: BertConfig, RobertaModel: RobertaConfig}[made]
    PreTrainedTokenizerFast.from_pretrained(folder).save_pretrained(tmp_path)
    made(
        config(
            vocab_size=60, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
            max_position_embeddings=positions, initializer_range=0.6, pad_token_id=0,
        )
    ).save_pretrained(tmp_path)  # fmt: skip
    if told:
        (tmp_path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": told}))
    words = ["lungs", "asthma", "of"] * 240
    found = Embedder.load(tmp_path).vectors([" ".join(words[:n]) for n in (read - 1, read, len(words))])
    np.testing.assert_allclose(found[2], found[1], atol=2e-6)
    assert np.abs(found[2] - found[0]).max() > 1e-5


def test_labels_are_ranked_by_their_cosine_and_computed_once(
    folder: Path, tiny_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network is asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    embedder = Embedder.load(folder)
    with open_atlas(tiny_copy, read_only=True) as atlas:
        held = atlas.rows("SELECT sae.label, feature, l.label FROM feature_label AS l JOIN sae USING (sae)")
        rows = by_meaning(atlas, embedder, "asthma", limit=50).to_pylist()
        asked = plain(folder, "asthma", "mean")
        expected = {label: float(plain(folder, label, "mean") @ asked) for _, _, label in held}
        assert len(expected) > 5
        assert sorted((row["sae"], row["feature"], row["label"]) for row in rows) == sorted(held)
        for row in rows:
            assert row["similarity"] == pytest.approx(expected[row["label"]], abs=3e-6)
        assert [row["similarity"] for row in rows] == sorted((row["similarity"] for row in rows), reverse=True)
        (key,) = {sae for (sae,) in atlas.rows("SELECT sae FROM sae WHERE label LIKE '%blocks.2%'")}
        second = by_meaning(atlas, embedder, "asthma", [key], limit=2).to_pylist()
        assert second == [row for row in rows if "blocks.2" in row["sae"]][:2]
    with closing(sqlite3.connect(label_vector_cache(tiny_copy))) as file:
        assert file.execute("SELECT COUNT(*), COUNT(DISTINCT model) FROM vector").fetchone() == (len(expected), 1)
        file.execute("UPDATE vector SET vector = ?", [np.ones(16, "<f4").tobytes()])
        file.commit()
    with open_atlas(tiny_copy, read_only=True) as atlas:
        kept = by_meaning(atlas, embedder, "asthma").to_pylist()
        assert len({round(row["similarity"], 5) for row in kept}) == 1  # what is kept is not computed again
        label_vector_cache(tiny_copy).write_bytes(b"no database" * 100)
        assert by_meaning(atlas, embedder, "asthma", limit=50).to_pylist() == rows
        with pytest.raises(SelectionError, match="the text is empty"):
            by_meaning(atlas, embedder, " ")


def test_a_cache_closed_to_writing_is_said_once_and_what_it_holds_is_used(
    folder: Path, tiny_copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    embedder, place = Embedder.load(folder), label_vector_cache(tiny_copy)
    with closing(VectorFile(place, embedder.sha256)) as kept:
        first = list(label_vectors(kept, embedder, ["asthma"]))
    with closing(VectorFile(place, embedder.sha256)) as kept:
        assert kept._file is not None
        kept._file.execute("PRAGMA query_only = on")  # as a file of somebody else's
        again = np.concatenate(list(label_vectors(kept, embedder, TEXTS_OF_FOUR, at_once=1)))
        np.testing.assert_array_equal(again[:1], first[0])
        np.testing.assert_allclose(again, np.stack([plain(folder, text, "mean") for text in TEXTS_OF_FOUR]), atol=2e-6)
        assert list(kept.known(["asthma", "lungs"])) == ["asthma"]
    assert [record.message for record in caplog.records if "cannot be written" in record.message] == [
        f"{place} cannot be written (attempt to write a readonly database): labels are embedded anew each time"
    ]


def test_a_model_is_called_by_its_folder_or_as_the_cache_of_hugging_face_has_it(tmp_path: Path) -> None:
    assert embedder_name(tmp_path / "minilm") == "minilm"
    place = tmp_path / "models--sentence-transformers--all-MiniLM-L6-v2" / "snapshots" / "c9745ed1"
    assert embedder_name(place) == "sentence-transformers/all-MiniLM-L6-v2"


def test_the_command_finds_by_meaning(folder: Path, tiny_copy: Path) -> None:
    def run(*arguments: str) -> Any:
        return CliRunner().invoke(cli, ["find", str(tiny_copy), *arguments])

    done = run("--meaning", "names of diseases", "--embedder", str(folder), "--format", "json", "--limit", "3")
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert len(rows) == 3
    assert (rows[0]["label"], round(rows[0]["similarity"], 5)) == ("names of diseases", 1)
    for arguments in (("--meaning", "x"), ("disease", "--embedder", str(folder))):
        assert "--meaning and --embedder go together" in run(*arguments).output
    assert "give one of WORDS" in run("x", "--meaning", "x", "--embedder", str(folder)).output


def test_a_model_whose_vectors_are_not_finite_is_refused(folder: Path, tmp_path: Path) -> None:
    model = BertModel.from_pretrained(folder)
    model.embeddings.word_embeddings.weight.data.fill_(torch.nan)
    PreTrainedTokenizerFast.from_pretrained(folder).save_pretrained(tmp_path)
    model.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="vectors that are not finite"):
        Embedder.load(tmp_path).vectors(["asthma"])


def test_a_folder_that_is_no_such_model_is_refused_in_one_line(folder: Path, tmp_path: Path) -> None:
    def refused(place: Path, message: str) -> None:
        with pytest.raises(ModelError, match=message) as caught:
            Embedder.load(place)
        assert "\n" not in str(caught.value)

    (tmp_path / "none").mkdir()
    refused(tmp_path / "none", "is no model: it holds neither")
    refused(
        laid_out(folder, tmp_path / "dense", "Dense", pooling_mode_mean_tokens=True), "has a part Dense, which is not"
    )
    refused(laid_out(folder, tmp_path / "other", pooling_mode="weightedmean"), "pools by weightedmean; read are mean")
    bare = laid_out(folder, tmp_path / "bare", pooling_mode_mean_tokens=True)
    (bare / "model.safetensors").unlink()
    refused(bare, "bare cannot be loaded as a model of texts")
    torch.save({}, bare / "pytorch_model.bin")
    refused(bare, "bare cannot be loaded as a model of texts")
    (bare / "config.json").unlink()
    (bare / "config.json").write_text("{")
    refused(bare, "bare cannot be loaded as a model of texts")
    T5Model(T5Config(vocab_size=60, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)).save_pretrained(
        tmp_path / "two"
    )
    PreTrainedTokenizerFast.from_pretrained(folder).save_pretrained(tmp_path / "two")
    refused(tmp_path / "two", "two cannot be loaded as a model of texts: You ")
    BertModel.from_pretrained(folder).save_pretrained(tmp_path / "unpadded")
    PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json")).save_pretrained(tmp_path / "unpadded")
    refused(tmp_path / "unpadded", "unpadded cannot be loaded as a model of texts: Asking to pad but the tokenizer")
    (bare / "modules.json").write_text("[")
    refused(bare, "modules.json cannot be read as JSON")
