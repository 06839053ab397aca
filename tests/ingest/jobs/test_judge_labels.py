"""Labels judged by a language model that reads: its scores stand beside those by words, with what was asked."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from atlas.cli.main import cli
from ingest.jobs.judge_labels import JudgeLabelsRequest, judge_labels
from ingest.jobs.label import LabelRequest, label
from ingest.labels.asked.endpoint import Endpoint
from schema import open_atlas
from schema.errors import SelectionError
from schema.verify import verify
from tests.made.answering import answering
from tests.made.worded_atlas import BEFORE_NUMBERS, DISEASES, SILENT, write_worded_atlas

SAE = "planted/hook"


@pytest.fixture
def atlas(tmp_path: Path) -> Path:
    path = write_worded_atlas(tmp_path / "atlas.duckdb")
    label(LabelRequest(path))
    return path


def reader(prompt: str) -> str:
    """A model that names the texts with a word of the label, or with a number where the label says so."""
    said, *texts = prompt.splitlines()
    words = set(re.findall(r"\w+", said.partition(": ")[2]))
    numbered = [re.match(r"(\d+)\. (.+)", text) for text in texts]
    as_said = [
        found[1]
        for found in numbered
        if found and (words & set(found[2].split()) or ("numbers" in words and re.search(r"\d", found[2])))
    ]
    return ", ".join(as_said) or "none"


def scores(path: Path, feature: int) -> dict[str, tuple[float | None, int | None, int | None, str | None]]:
    sql = """
        SELECT negatives, auroc, wrong_labels, beaten, s.reason
        FROM label_score AS s
        JOIN feature_label USING (feature_label)
        WHERE judge = 'reader' AND feature = ?
        ORDER BY negatives
    """
    with open_atlas(path, read_only=True) as opened:
        assert not any(finding.violations for finding in verify(opened))
        return {kind: found for kind, *found in opened.rows(sql, [feature])}  # type: ignore[misc]


def test_what_a_model_tells_is_scored_beside_what_words_tell(atlas: Path) -> None:
    with answering(reader) as model:
        arguments = [
            "label",
            "judge",
            str(atlas),
            "--url",
            model.url,
            "--model",
            "reader",
            "--sae",
            SAE,
            "--wrong",
            "3",
        ]
        run = CliRunner().invoke(cli, [*arguments, "--feature", str(DISEASES), "--feature", str(BEFORE_NUMBERS)])
    assert run.output == f"{atlas}: 2 labels judged by reader\n"
    assert list(scores(atlas, DISEASES)["random"]) == [1.0, 3, 3, None]
    found = scores(atlas, BEFORE_NUMBERS)
    assert found["random"][0] > 0.85  # type: ignore[operator]
    assert found["same token"][0] > 0.8  # type: ignore[operator]
    assert found["neighbour"][0] is None
    assert len(model.asked) == (1 + 2) * 4
    with open_atlas(atlas, read_only=True) as opened:
        kept = opened.rows("SELECT prompt, answer FROM label_score WHERE prompt IS NOT NULL ORDER BY ALL")
    sent = {body["messages"][0]["content"] for body in model.asked}
    assert len(kept) == 3
    assert {prompt for prompt, _ in kept} <= sent
    assert all(answer == reader(prompt) for prompt, answer in kept)


def test_a_model_that_always_says_none_is_worth_one_half(atlas: Path) -> None:
    with answering(lambda _: "none") as model:
        judge_labels(JudgeLabelsRequest(atlas, SAE, (DISEASES,), Endpoint(model.url, "reader")))
    assert list(scores(atlas, DISEASES)["random"]) == [0.5, None, None, None]


def test_a_label_with_a_word_of_its_own_is_no_wrong_label(atlas: Path) -> None:
    with open_atlas(atlas) as opened:
        said = ["cancer", '["cancer"]', DISEASES, BEFORE_NUMBERS]
        opened.rows("UPDATE feature_label SET label = ?, words = ? WHERE feature NOT IN (?, ?)", said)
    with answering(reader) as model:
        judge_labels(JudgeLabelsRequest(atlas, SAE, (DISEASES,), Endpoint(model.url, "reader"), wrong=3))
    assert scores(atlas, DISEASES)["random"][1] == 1, "all others but one are of its words"


def test_a_model_is_not_asked_of_a_label_that_the_documents_it_would_be_judged_on_made(tmp_path: Path) -> None:
    path = write_worded_atlas(tmp_path / "atlas.duckdb")
    with open_atlas(path) as opened:
        opened.rows(
            """
            DELETE FROM activation
            WHERE feature = ?
              AND context IN (
                SELECT context
                FROM context
                JOIN document USING (document)
                WHERE md5(COALESCE(group_name, document.content_hash)) < '8'
              )
            """,
            [DISEASES],
        )
    label(LabelRequest(path))
    with answering(reader) as model:
        judge_labels(JudgeLabelsRequest(path, SAE, (DISEASES,), Endpoint(model.url, "reader"), wrong=3))
    assert model.asked == []
    with open_atlas(path, read_only=True) as opened:
        reasons = opened.rows("SELECT reason FROM label_score WHERE judge = 'reader' AND auroc IS NULL")
    assert len(reasons) == 3
    assert all(reason.startswith("when it was made") for (reason,) in reasons)


def test_a_model_called_as_the_judge_by_words_is_refused(atlas: Path) -> None:
    with (
        answering(reader) as model,
        pytest.raises(SelectionError, match="a model called words would replace what words tell; serve it under"),
    ):
        judge_labels(JudgeLabelsRequest(atlas, SAE, (DISEASES,), Endpoint(model.url, "words")))
    assert model.asked == []


def test_a_feature_without_a_label_is_named(atlas: Path) -> None:
    with (
        answering(reader) as model,
        pytest.raises(SelectionError, match=f"feature {SILENT} of {SAE} has no label; make one"),
    ):
        judge_labels(JudgeLabelsRequest(atlas, SAE, (DISEASES, SILENT), Endpoint(model.url, "reader")))
    assert model.asked == []
