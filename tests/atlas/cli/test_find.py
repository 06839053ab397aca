"""`atlas find`: by words of labels, by a sentence, by two files of sentences, by a feature."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from atlas.cli.main import cli
from ingest.encode.batch import BatchEncoder
from ingest.encode.typed_text import encode_typed
from ingest.jobs.ingest import IngestRequest, ingest
from ingest.jobs.reader import Reader
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from schema import AtlasError, SelectionError, open_atlas
from tests.conftest import POCKET_SAES

SENTENCE = "The infection had spread to the kidneys."


def found(*arguments: object) -> list[dict[str, Any]]:
    run = CliRunner().invoke(cli, ["find", *map(str, arguments), "--format", "json"])
    if run.exception is not None:
        raise run.exception
    rows: list[dict[str, Any]] = json.loads(run.stdout)
    return rows


def lines(path: Path, texts: list[str]) -> Path:
    path.write_text("\n".join(texts) + "\n\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def texts(bundled_atlas: Path) -> dict[str, list[str]]:
    """Sentences of medicine, and of all else."""
    with open_atlas(bundled_atlas, read_only=True) as atlas:
        rows = atlas.rows("SELECT text, domain FROM document JOIN corpus USING (corpus) ORDER BY content_hash")
    return {
        "medical": [text for text, domain in rows if domain == "medical"],
        "control": [text for text, domain in rows if domain != "medical"],
    }


def test_words_find_labels_that_hold_all_of_them(tiny: Path) -> None:
    rows = found(tiny, "DISEASE")
    assert [(row["feature"], row["label"]) for row in rows] == [(1, "names of diseases")]
    assert [row["feature"] for row in found(tiny, "cancer", "asth")] == [1, 4]
    assert found(tiny, "cancer", "body") == []
    assert found(tiny, "(") == []


def test_words_are_sought_in_the_labels_of_the_sae_that_is_given(tiny: Path) -> None:
    second = "tiny/blocks.2.hook_resid_pre"
    assert [(row["sae"], row["feature"]) for row in found(tiny, "cancer", "--sae", second)] == [(second, 4)]
    with pytest.raises(AtlasError, match="no SAE 'pocket/blocks"):
        found(tiny, "cancer", "--sae", "pocket")


def test_a_sentence_shows_what_fires_on_it_and_what_is_particular_to_it_first(
    bundled_atlas: Path, pocket: tuple[LanguageModel, list[SAE]]
) -> None:
    model, saes = pocket
    (firing,) = encode_typed(BatchEncoder.of(model, saes[1:]), SENTENCE).firing
    strongest: dict[int, float] = {}
    for each in firing:
        strongest[each.feature] = max(strongest.get(each.feature, 0.0), each.activation)
    rows = found(bundled_atlas, "--text", SENTENCE, "--max-density", 1, "--limit", 10_000)
    assert {row["feature"]: row["activation"] for row in rows} == pytest.approx(strongest)
    assert [row["as_strong"] for row in rows] == sorted(row["as_strong"] for row in rows)
    sparse = found(bundled_atlas, "--text", SENTENCE, "--limit", 10_000)
    assert 0 < len(sparse) < len(rows)
    assert {row["feature"] for row in sparse} == {row["feature"] for row in rows if row["density"] <= 0.05}


def test_two_boxes_find_what_tells_them_apart(bundled_atlas: Path, texts: dict[str, list[str]], tmp_path: Path) -> None:
    positive, negative = (lines(tmp_path / f"{name}.txt", texts[name][:10]) for name in ("medical", "control"))
    rows = found(bundled_atlas, "--positive", positive, "--negative", negative, "--limit", 5)
    assert rows[0]["auroc"] >= 0.75
    assert rows[0]["fires_positive"] > rows[0]["fires_negative"]
    assert all(row["density"] <= 0.05 for row in rows)
    turned = found(bundled_atlas, "--positive", negative, "--negative", positive, "--limit", 10_000)
    areas = {row["feature"]: row["auroc"] for row in turned}
    for row in rows:
        assert areas[row["feature"]] == pytest.approx(1 - row["auroc"])


def test_a_small_box_says_that_it_is_too_small(
    bundled_atlas: Path, texts: dict[str, list[str]], tmp_path: Path
) -> None:
    positive, negative = (lines(tmp_path / f"{name}.txt", texts[name][:2]) for name in ("medical", "control"))
    run = CliRunner().invoke(
        cli, ["find", str(bundled_atlas), "--positive", str(positive), "--negative", str(negative)]
    )
    assert "2 positive and 2 negative sentences are too few to test" in run.stderr
    with pytest.raises(SelectionError, match="a box holds no sentence; give one a line"):
        found(bundled_atlas, "--positive", positive, "--negative", lines(tmp_path / "empty.txt", []))


def test_a_feature_finds_its_nearest(tiny: Path, bundled_atlas: Path) -> None:
    assert [row["rank"] for row in found(bundled_atlas, "--like", 5, "--limit", 3)] == [1, 2, 3]
    with pytest.raises(SelectionError, match="has no SAE 'pocket/blocks"):
        found(tiny, "--like", 5)


def test_a_feature_finds_its_opposites_and_its_match_elsewhere(tiny: Path, bundled_atlas: Path) -> None:
    first, second = "tiny/blocks.1.hook_resid_pre", "tiny/blocks.2.hook_resid_pre"
    rows = found(tiny, "--opposite", 1, "--sae", first)
    assert [(row["other_feature"], row["cosine"]) for row in rows] == [(7, -1.0), (6, -0.75), (8, -0.75)]
    rows = found(tiny, "--elsewhere", 1, "--sae", first)
    assert {row["other_sae"] for row in rows} == {second}
    assert [row["other_feature"] for row in rows if row["rank"] == 1] == [4, 4]
    run = CliRunner().invoke(cli, ["find", str(bundled_atlas), "--elsewhere", "5"])
    assert "nothing found; it may be yet to be computed: atlas match" in run.stderr
    run = CliRunner().invoke(cli, ["find", str(tiny), "--like", "1", "--sae", first, "--sae", second])
    assert (run.exit_code, "takes a feature of one SAE" in run.stderr) == (2, True)


def test_opposites_point_most_against_a_feature(bundled_atlas: Path, pocket: tuple[LanguageModel, list[SAE]]) -> None:
    unit = torch.nn.functional.normalize(pocket[1][1].W_dec.double(), dim=1)
    cosines = unit @ unit[5]
    rows = found(bundled_atlas, "--opposite", 5)
    assert [row["other_feature"] for row in rows] == cosines.argsort()[:3].tolist()
    assert [row["cosine"] for row in rows] == pytest.approx(cosines.sort().values[:3].tolist(), abs=1e-6)


def test_a_token_finds_the_features_that_fire_on_it_and_on_little_else(bundled_atlas: Path) -> None:
    token = " disease"
    with open_atlas(bundled_atlas, read_only=True) as atlas:
        counts = dict(
            atlas.rows(
                """
                SELECT feature, COUNT(*)
                FROM activation
                JOIN token USING (context, position)
                JOIN vocabulary USING (token_id)
                WHERE vocabulary.text = $token
                GROUP BY feature
                """,
                {"token": token},
            )
        )
        totals = dict(atlas.rows("SELECT feature, COUNT(*) FROM activation GROUP BY feature"))
    rows = found(bundled_atlas, "--token", token, "--limit", 10_000)
    assert {row["feature"]: row["fires_on"] for row in rows} == counts
    for row in rows:
        precision, recall = row["fires_on"] / totals[row["feature"]], row["fires_on"] / row["occurrences"]
        assert row["harmonic_mean"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert [row["harmonic_mean"] for row in rows] == sorted((row["harmonic_mean"] for row in rows), reverse=True)
    both = found(bundled_atlas, "--token", "disease", "--limit", 10_000)
    assert both[0]["occurrences"] >= rows[0]["occurrences"]
    assert found(bundled_atlas, "--token", "no such token") == []


def test_two_boxes_are_held_against_several_saes_together(
    bundled_atlas: Path, tmp_path: Path, texts: dict[str, list[str]]
) -> None:
    copy = Path(shutil.copy(bundled_atlas, tmp_path / "atlas.duckdb"))
    ingest(IngestRequest(copy, ("bundled:medical",), reader=Reader(POCKET_SAES), limit=3))
    positive, negative = (lines(tmp_path / f"{name}.txt", texts[name][:6]) for name in ("medical", "control"))
    boxes = ("--positive", positive, "--negative", negative, "--max-density", 1, "--limit", 100_000)
    saes = [argument for sae in POCKET_SAES for argument in ("--sae", sae)]
    rows = found(copy, *boxes, *saes)
    assert {row["sae"] for row in rows} == set(POCKET_SAES)
    assert [row["auroc"] for row in rows] == sorted((row["auroc"] for row in rows), reverse=True)
    alone = found(copy, *boxes, "--sae", POCKET_SAES[1])
    own = {row["feature"]: row for row in rows if row["sae"] == POCKET_SAES[1]}
    assert {row["feature"]: row["auroc"] for row in alone} == {feature: row["auroc"] for feature, row in own.items()}
    assert all(own[row["feature"]]["p"] == row["p"] for row in alone)


def test_an_sae_that_the_atlas_does_not_hold_is_named(bundled_atlas: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(bundled_atlas, tmp_path / "atlas.duckdb"))
    with open_atlas(copy) as atlas:
        atlas.rows("UPDATE sae SET weights_sha256 = 'x'")
    with pytest.raises(SelectionError, match=r"does not hold pocket/blocks\.3\.hook_resid_pre with these"):
        found(copy, "--text", SENTENCE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give one of WORDS"),
        (("word", "--text", "x"), "give one of WORDS"),
        (("--positive", __file__), "go together"),
    ],
)
def test_one_thing_is_asked_for_at_a_time(tiny: Path, arguments: tuple[str, ...], message: str) -> None:
    run = CliRunner().invoke(cli, ["find", str(tiny), *arguments])
    assert run.exit_code == 2
    assert message in run.stderr
