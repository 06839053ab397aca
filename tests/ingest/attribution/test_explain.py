"""`atlas explain`: stored once, resumed, refused with a line, and drawn."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from atlas.cli.explain import command
from ingest.attribution.questions import FeatureQuestion, LogitQuestion, TokenQuestion
from ingest.attribution.shap_library import read_shap_explanation, shap_explanation, shap_explanations
from ingest.attribution.shapley import Estimator, Method
from ingest.jobs.explain import ExplainRequest, explain, explain_into
from ingest.jobs.ingest import IngestRequest, ingest_into
from ingest.jobs.progress import Progress
from ingest.jobs.reader import Reader
from ingest.jobs.remove import RemoveRequest, remove_into
from queries import run_query
from schema import AtlasError, open_atlas
from schema.verify import verify
from tests.made.empty_atlas import write_empty_atlas
from tests.made.tiny_models import save_sae, tiny_sae

TWO_PAIRS = Method(pairs=2)
"""Stands for a feature that does not fire; which one that is depends on the embedded model."""
TABLES = ("explanation", "token_attribution", "feature_attribution", "prompt_filter", "ingest_run")


def counts(path: Path) -> dict[str, int]:
    """Rows of every table that explanations touch."""
    with open_atlas(path, read_only=True) as atlas:
        return {table: atlas.rows(f"SELECT COUNT(*) FROM {table}")[0][0] for table in TABLES}


@pytest.fixture(scope="module")
def explained(bundled_atlas: Path, tmp_path_factory: pytest.TempPathFactory, pocket_reader: Reader) -> Path:
    """The bundled atlas with a few explanations of each question."""
    path = tmp_path_factory.mktemp("explained") / "atlas.duckdb"
    path.write_bytes(bundled_atlas.read_bytes())
    explain(ExplainRequest(path, TokenQuestion(), TWO_PAIRS, documents=("medical",), limit=3, reader=pocket_reader))
    with open_atlas(path, read_only=True) as atlas:
        sql = "SELECT feature FROM feature_document GROUP BY feature ORDER BY COUNT(*) DESC, feature LIMIT 2"
        features = tuple(feature for (feature,) in atlas.rows(sql))
    explain(
        ExplainRequest(
            path, FeatureQuestion(features), TWO_PAIRS, documents=("medical",), limit=3, reader=pocket_reader
        )
    )
    explain(
        ExplainRequest(
            path, LogitQuestion(features=features), TWO_PAIRS, documents=("medical",), limit=3, reader=pocket_reader
        )
    )
    return path


def test_values_add_up_and_every_invariant_holds(explained: Path) -> None:
    with open_atlas(explained, read_only=True) as atlas:
        assert [finding for finding in verify(atlas) if finding.violations] == []
        rows = atlas.rows("SELECT question, residual, full_value FROM explanation")
        assert {row[0] for row in rows} == {"token", "feature", "logit"}
        assert all(abs(residual) < 1e-4 * max(1, abs(full)) for _, residual, full in rows)
        spans = atlas.rows(
            """
            SELECT trim(t.text), substr(d.text, char_start + 1, char_end - char_start)
            FROM token_attribution AS t
            JOIN explanation USING (explanation)
            JOIN document AS d USING (document)
            """
        )
        assert all(token == span.strip() for token, span in spans)


def test_full_value_of_a_feature_is_the_stored_maximum(explained: Path) -> None:
    with open_atlas(explained, read_only=True) as atlas:
        rows = atlas.rows(
            """
            SELECT full_value, max_activation
            FROM explanation
            JOIN feature_document USING (sae, feature, document)
            WHERE question = 'feature'
            """
        )
    assert rows
    for ours, stored in rows:
        assert ours == pytest.approx(stored, rel=1e-4)


@pytest.mark.parametrize(
    ("architecture", "options"),
    [("gated", {}), ("topk", {"k": 6}), ("standard", {"normalize_activations": "layer_norm"})],
)
def test_a_feature_of_heads_is_explained_whatever_ran_before(
    tmp_path: Path, architecture: str, options: dict[str, Any]
) -> None:
    """With the model and SAE that an ingest has used, and with ones that nothing has."""
    hook: dict[str, Any] = {"hook_name": "blocks.2.attn.hook_z", "reshape_activations": "hook_z"}
    name = save_sae(tiny_sae(architecture, 256, 48, **hook, **options), tmp_path / "sae", context_size=16)
    path, reader = tmp_path / "atlas.duckdb", Reader((name,), "pocket")
    (tmp_path / "notes.txt").write_text("Asthma causes a wheeze.\n")
    used = reader.load()
    with open_atlas(write_empty_atlas(path)) as atlas:
        ingest_into(atlas, IngestRequest(path, (str(tmp_path / "notes.txt"),), reader=reader), used)
    shutil.copy(path, tmp_path / "other.duckdb")
    values = []
    for file, loaded in ((path, used), (tmp_path / "other.duckdb", reader.load())):
        with open_atlas(file) as atlas:
            feature, most = atlas.rows("SELECT feature, activation FROM activation ORDER BY 2 DESC, 1 LIMIT 1")[0]
            asked = ExplainRequest(file, FeatureQuestion((feature,)), TWO_PAIRS, documents=("notes",), reader=reader)
            assert len(explain_into(atlas, asked, loaded).new) == 1
            assert atlas.rows("SELECT full_value FROM explanation") == [(pytest.approx(most, rel=1e-4),)]
            values.append(atlas.rows("SELECT position, value FROM token_attribution ORDER BY position"))
    assert values[0] == values[1]


def test_what_is_stored_is_not_computed_again(explained: Path, pocket_reader: Reader) -> None:
    before = counts(explained)
    again = explain(
        ExplainRequest(explained, TokenQuestion(), TWO_PAIRS, documents=("medical",), limit=3, reader=pocket_reader)
    )
    assert (again.new, len(again.known), again.evaluations) == ([], 3, 0)
    assert counts(explained) == before


def test_errors_that_a_migration_forgot_are_computed_again(
    explained: Path, tmp_path: Path, pocket_reader: Reader
) -> None:
    path = Path(shutil.copy(explained, tmp_path / "atlas.duckdb"))
    sampled = "JOIN explanation USING (explanation) WHERE estimator = 'permutation' AND question = 'token'"
    sql = f"SELECT explanation, t.position, value, standard_error FROM token_attribution AS t {sampled} ORDER BY ALL"
    with open_atlas(path) as atlas:
        before = atlas.rows(sql)
        assert before
        atlas.rows("UPDATE token_attribution SET standard_error = NULL")
    request = ExplainRequest(path, TokenQuestion(), TWO_PAIRS, documents=("medical",), limit=3, reader=pocket_reader)
    result = explain(request)
    assert set(result.new) == {row[0] for row in before}
    with open_atlas(path, read_only=True) as atlas:
        after = atlas.rows(sql)
        assert not any(finding.violations for finding in verify(atlas))
    np.testing.assert_allclose(np.array(after, float), np.array(before, float), rtol=1e-4, atol=1e-4)
    assert counts(path)["explanation"] == counts(explained)["explanation"]
    assert explain(request).new == []


def test_prompts_shared_between_threads_give_the_same_rows(
    bundled_atlas: Path, tmp_path: Path, pocket_reader: Reader
) -> None:
    """Also where a prompt is given twice: its second answer is known by then."""
    found, threads = [], torch.get_num_threads()
    for number in (1, 3):
        path = Path(shutil.copy(bundled_atlas, tmp_path / f"{number}.duckdb"))
        torch.set_num_threads(number)
        request = ExplainRequest(
            path,
            TokenQuestion(),
            TWO_PAIRS,
            documents=("control",),
            texts=("Asthma causes",) * 2,
            limit=5,
            reader=pocket_reader,
        )
        result = explain(request)
        assert torch.get_num_threads() == number
        assert (len(result.new), len(result.known)) == (6, 1)
        with open_atlas(path, read_only=True) as atlas:
            found.append(atlas.rows("SELECT explanation, position, value FROM token_attribution ORDER BY ALL"))
    torch.set_num_threads(threads)
    assert [row[:2] for row in found[0]] == [row[:2] for row in found[1]]
    np.testing.assert_allclose([row[2] for row in found[0]], [row[2] for row in found[1]], atol=1e-4)


def test_an_interrupted_job_goes_on_and_ends_with_the_same_rows(
    bundled_atlas: Path, tmp_path: Path, pocket_reader: Reader
) -> None:
    def stop(progress: Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    found = []
    for name in ("whole", "broken"):
        path = tmp_path / f"{name}.duckdb"
        path.write_bytes(bundled_atlas.read_bytes())
        request = ExplainRequest(
            path, LogitQuestion(), TWO_PAIRS, documents=("control",), limit=4, reader=pocket_reader
        )
        if name == "broken":
            with pytest.raises(KeyboardInterrupt):
                explain(request, stop)
            assert counts(path)["explanation"] == 2
        explain(request)
        with open_atlas(path, read_only=True) as atlas:
            found.append(
                atlas.rows(
                    "SELECT identity, player, value FROM feature_attribution JOIN explanation USING (explanation)"
                )
            )
    assert [row[:2] for row in found[0]] == [row[:2] for row in found[1]]
    np.testing.assert_allclose([row[2] for row in found[0]], [row[2] for row in found[1]], rtol=1e-9)


@pytest.mark.parametrize(
    ("question", "texts", "message"),
    [
        (TokenQuestion(), ("the",), "has 1 token"),
        (TokenQuestion(), ("",), "has 0 tokens"),
        (TokenQuestion(), ("Asthma causes", "pain " * 5000), "a window holds 127"),
        (TokenQuestion("xyzzyq"), ("Asthma causes pain",), "'xyzzyq' is not one token"),
        (None, ("London is a city",), "never fires on the prompt"),
        (FeatureQuestion((4096,)), ("London is a city",), "features are 0 to 4095"),
        (LogitQuestion(position=90), ("London is a city",), "position 90 is not in the prompt"),
        (LogitQuestion(position=0), ("London is a city",), "position 0 is not in the prompt"),
    ],
)
def test_bad_input_is_named_and_changes_nothing(
    atlas_copy: Path, question: Any, texts: tuple[str, ...], message: str, pocket_reader: Reader
) -> None:
    before = atlas_copy.read_bytes()
    if question is None:
        with open_atlas(atlas_copy, read_only=True) as atlas:
            rarest = atlas.rows("SELECT feature FROM feature ORDER BY log_sparsity, feature LIMIT 1")[0]
        question = FeatureQuestion(rarest)
    with pytest.raises(AtlasError, match=message):
        explain(ExplainRequest(atlas_copy, question, TWO_PAIRS, texts=texts, reader=pocket_reader))
    assert atlas_copy.read_bytes() == before


def test_a_text_given_by_hand_is_explained_by_each_estimator(atlas_copy: Path, pocket_reader: Reader) -> None:
    estimators: tuple[Estimator, ...] = ("exact", "permutation", "partition")
    for estimator in estimators:
        question = TokenQuestion(" a", baseline="removal")
        explain(
            ExplainRequest(atlas_copy, question, Method(estimator, 2), texts=("Asthma causes",), reader=pocket_reader)
        )
    with open_atlas(atlas_copy, read_only=True) as atlas:
        rows = atlas.rows("SELECT estimator, baseline, target, document FROM explanation ORDER BY explanation")
    assert rows == [
        ("exact", "removal", " a", None),
        ("permutation", "removal", " a", None),
        ("partition", "ellipsis", " a", None),
    ]


def test_explanations_have_the_identities_that_earlier_versions_stored(atlas_copy: Path, pocket_reader: Reader) -> None:
    """Else an atlas made before would be explained once more."""
    text = "Asthma causes pain"
    asked = (
        (TokenQuestion(" pain", "log_probability", "removal"), Method("exact"), (), (text,)),
        (FeatureQuestion((1597,), position=3), Method(), ("medical",), ()),
        (LogitQuestion(position=2, every_position=True), TWO_PAIRS, (), (text,)),
    )
    for question, method, documents, texts in asked:
        explain(ExplainRequest(atlas_copy, question, method, documents, texts, limit=2, reader=pocket_reader))
    with open_atlas(atlas_copy, read_only=True) as atlas:
        rows = atlas.rows("SELECT identity FROM explanation ORDER BY explanation")
    assert [identity for (identity,) in rows] == [
        "e67f4540fb3608513c5ceb4c0f4047db83ef152ab191b2812b4ebff3479e1911",
        "91ee0ec7e003015188829dfcb395f58c737eb7506b80c97eb24c5f4c6a998837",
        "ed4d900f4be038a7840cfe73404cd4f7ec48a5529905326e492f3008532df15f",
        "cfe3576bd702d6321901c5a265b9ccfd6dd41da012072145c338fba7cf2dcc73",
    ]


def test_filter_ranks_the_term(explained: Path) -> None:
    with open_atlas(explained, read_only=True) as atlas:
        rows = atlas.rows("SELECT term, rank, players FROM prompt_filter JOIN explanation USING (explanation)")
    assert [row[0] for row in rows] == ["Asthma", "Pneumonia", "lymphoma"]
    assert all(1 <= rank <= players for _, rank, players in rows)


def test_the_studys_rule_can_be_run_later_and_once(explained: Path, tmp_path: Path, pocket_reader: Reader) -> None:
    path = tmp_path / "atlas.duckdb"
    path.write_bytes(explained.read_bytes())
    asked = ExplainRequest(
        path, TokenQuestion(study=True), TWO_PAIRS, documents=("medical",), limit=3, reader=pocket_reader
    )
    first, second = explain(asked), explain(asked)
    assert (first.new, first.studied) == ([], 3)
    assert (second.new, second.studied) == ([], 0)
    with open_atlas(path, read_only=True) as atlas:
        assert [finding for finding in verify(atlas) if finding.violations] == []
        rows = atlas.rows(
            "SELECT text, study_tokens, study_kept FROM prompt_filter JOIN explanation USING (explanation)"
        )
        counted = run_query(atlas, "prompt_filter_counts").to_pylist()
    for text, looked_at, kept in rows:
        tokens = json.loads(looked_at)
        assert kept == any(word in token for token in tokens for word in text.split())
        assert len(tokens) <= 3
    assert {row["study_kept"] for row in counted} == {sum(kept for *_, kept in rows)}
    assert {row["study_prompts"] for row in counted} == {3}


def test_stored_values_come_back_as_shap_explanations(explained: Path) -> None:
    with open_atlas(explained, read_only=True) as atlas:
        keys = dict(atlas.rows("SELECT question, MIN(explanation) FROM explanation GROUP BY question"))
        stored = {question: read_shap_explanation(atlas, key) for question, key in keys.items()}
        full = dict(atlas.rows("SELECT explanation, full_value FROM explanation"))
        with pytest.raises(AtlasError, match="holds no explanation 999"):
            read_shap_explanation(atlas, 999)
    for question, one in stored.items():
        rebuilt = shap_explanation(one)
        assert rebuilt.base_values + rebuilt.values.sum() == pytest.approx(full[keys[question]], abs=1e-3)
    many = shap_explanations([stored["token"], stored["feature"]])
    assert many.values.shape == many.data.shape == (2, len(many.feature_names))
    assert stored["logit"].players[-1] == "error of the SAE"


@pytest.mark.parametrize(
    ("arguments", "name"),
    [(["0"], "text.html"), (["0"], "fall.png"), (["0", "1", "2"], "bees.png"), (["0", "--kind", "bar"], "bar.png")],
)
def test_plots_are_written(explained: Path, tmp_path: Path, arguments: list[str], name: str) -> None:
    output = tmp_path / name
    result = CliRunner().invoke(command, ["plot", str(explained), *arguments, "-o", str(output)])
    assert result.exit_code == 0, result.output
    content = output.read_bytes()
    assert content.startswith(b"\x89PNG" if name.endswith(".png") else b"<!DOCTYPE html>")
    assert len(content) > 3_000


@pytest.mark.parametrize(
    ("arguments", "name", "message"),
    [
        (["0"], "plot.pdf", "name a .png or an .html"),
        (["0", "1", "--kind", "waterfall"], "plot.png", "shows one explanation"),
        (["0", "--kind", "text"], "plot.png", "a text plot is .html"),
        (["0"], "no/such/plot.png", "cannot be written"),
    ],
)
def test_plots_that_cannot_be_drawn_are_named(
    explained: Path, tmp_path: Path, arguments: list[str], name: str, message: str
) -> None:
    result = CliRunner().invoke(command, ["plot", str(explained), *arguments, "-o", str(tmp_path / name)])
    assert isinstance(result.exception, AtlasError)
    assert message in str(result.exception)


def test_run_is_recorded(explained: Path) -> None:
    with open_atlas(explained, read_only=True) as atlas:
        rows = atlas.rows("SELECT status, arguments FROM ingest_run WHERE command = 'explain' ORDER BY ingest_run")
    assert {row[0] for row in rows} == {"done"}
    assert [json.loads(row[1])["question"] for row in rows] == ["token", "feature", "logit"]


def test_removed_documents_take_their_explanations_along(
    explained: Path, tmp_path: Path, pocket_reader: Reader
) -> None:
    """What is explained of a text given by hand, and of the other corpora, stays."""
    path = Path(shutil.copy(explained, tmp_path / "atlas.duckdb"))
    explain(ExplainRequest(path, TokenQuestion(), TWO_PAIRS, texts=("Asthma causes",), reader=pocket_reader))
    control = explain(
        ExplainRequest(path, LogitQuestion(), TWO_PAIRS, documents=("control",), limit=1, reader=pocket_reader)
    ).new
    with open_atlas(path) as atlas:
        doomed = atlas.rows("SELECT COUNT(*) FROM explanation WHERE document IS NOT NULL")[0][0] - len(control)
        assert doomed > 3
        remove_into(atlas, RemoveRequest(atlas.path, "medical"))
        kept = atlas.rows("SELECT explanation, document IS NULL FROM explanation ORDER BY explanation")
        assert [by_hand for _, by_hand in kept] == [True, False]
        for table in ("token_attribution", "feature_attribution", "prompt_filter"):
            orphans = f"SELECT COUNT(*) FROM {table} ANTI JOIN explanation USING (explanation)"
            assert atlas.rows(orphans) == [(0,)]
        assert [finding for finding in verify(atlas) if finding.violations] == []
    again = explain(ExplainRequest(path, TokenQuestion(), TWO_PAIRS, texts=("Asthma causes",), reader=pocket_reader))
    assert (again.new, len(again.known)) == ([], 1)
