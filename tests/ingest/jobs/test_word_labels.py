"""Labels that a language model words: what is sent, where, and what is kept of it."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from atlas.cli.main import cli
from ingest.jobs.label import LabelRequest, label
from ingest.jobs.score import ScoreRequest, score
from ingest.jobs.word_labels import WordLabelsRequest, word_labels
from ingest.labels.asked.endpoint import Endpoint
from schema import open_atlas
from schema.errors import ModelError, SelectionError
from schema.verify import verify
from tests.made.answering import answering
from tests.made.worded_atlas import DISEASES, ILL, RARE, SAYS_THE, SILENT, write_worded_atlas

SAE = "planted/hook"


@pytest.fixture
def atlas(tmp_path: Path) -> Path:
    return write_worded_atlas(tmp_path / "atlas.duckdb")


def diseases(prompt: str) -> str:
    """A model that reads: it names the words between the marks."""
    marked = set(re.findall(r"^\d+\. .*«(.+)»", prompt, re.MULTILINE))
    return f'"{" and ".join(sorted(marked))}."'


def test_a_model_is_asked_for_each_feature_and_its_answer_is_kept_and_scored(atlas: Path) -> None:
    label(LabelRequest(atlas))
    with answering(diseases) as model:
        arguments = ["label", "ask", str(atlas), "--url", model.url, "--model", "reader", "--sae", SAE]
        run = CliRunner().invoke(
            cli, [*arguments, "--feature", str(DISEASES), "--key-variable", "A_KEY"], env={"A_KEY": "secret"}
        )
        assert run.exception is None, run.output
    assert model.keys == ["Bearer secret"]
    (body,) = model.asked
    assert (body["path"], body["model"], body["temperature"]) == ("/v1/chat/completions", "reader", 0)
    score(ScoreRequest(atlas))
    with open_atlas(atlas, read_only=True) as opened:
        ((text, prompt, answer, contexts, auroc),) = opened.rows(
            """
            SELECT label, l.prompt, l.answer, contexts, auroc
            FROM feature_label AS l
            JOIN label_score USING (feature_label)
            WHERE method = 'language model' AND model = 'reader' AND negatives = 'random'
            """
        )
        assert not any(finding.violations for finding in verify(opened))
    assert prompt == body["messages"][0]["content"]
    assert "secret" not in prompt
    assert answer == f'"{text}."'
    assert set(text.split(" and ")) == set(ILL)
    assert contexts == 20
    assert auroc == 1.0


def test_what_it_is_told_are_sentences_of_documents_that_score_nothing(atlas: Path) -> None:
    with answering(diseases) as model:
        word_labels(WordLabelsRequest(atlas, SAE, (DISEASES, SAYS_THE), Endpoint(model.url, "reader")))
    half = "md5(COALESCE(group_name, content_hash)) < '8'"
    with open_atlas(atlas, read_only=True) as opened:
        texts = [text for (text,) in opened.rows(f"SELECT text FROM document WHERE NOT {half}")]
    for body in model.asked:
        told = re.findall(r"^\d+\. (.+)$", body["messages"][0]["content"], re.MULTILINE)
        assert len(told) == 20
        for sentence in told:
            assert not any(re.sub("[«»]", "", sentence) in text for text in texts)
    assert "likelier to follow: 'the', 'their'." in model.asked[1]["messages"][0]["content"]


def test_asked_again_the_new_answer_takes_the_place_of_the_old_one(atlas: Path) -> None:
    for said in ("illness", "sickness"):
        with answering(lambda _, said=said: said) as model:  # type: ignore[misc]
            word_labels(WordLabelsRequest(atlas, SAE, (DISEASES,), Endpoint(model.url, "reader")))
    with open_atlas(atlas, read_only=True) as opened:
        assert opened.rows("SELECT label FROM feature_label") == [("sickness",)]


def test_nothing_is_sent_where_labels_are_made_and_scored_without_a_model(atlas: Path) -> None:
    with answering(diseases) as model:
        label(LabelRequest(atlas))
        score(ScoreRequest(atlas))
    assert model.asked == []


def test_a_model_that_does_not_answer_is_named(atlas: Path) -> None:
    with answering(diseases) as gone:
        pass
    cases = [(gone.url, r"/v1/chat/completions cannot be reached: "), ("ftp://x", "is no address of a model")]
    for url, message in cases:
        with pytest.raises(ModelError, match=message):
            word_labels(WordLabelsRequest(atlas, SAE, (DISEASES,), Endpoint(url, "reader")))
    with answering(diseases, status=401) as closed, pytest.raises(ModelError, match="refuses: 401 Unauthorized; check"):
        word_labels(WordLabelsRequest(atlas, SAE, (DISEASES,), Endpoint(closed.url, "reader")))
    with answering(lambda prompt: " ") as mute, pytest.raises(ModelError, match="answers nothing"):
        word_labels(WordLabelsRequest(atlas, SAE, (DISEASES,), Endpoint(mute.url, "reader")))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_key_follows_no_redirection(atlas: Path, status: int) -> None:
    with answering(diseases) as other, answering(diseases, status, f"{other.url}/chat/completions") as moved:
        with pytest.raises(ModelError, match=f"sends on to '{other.url}/chat/completions', which nothing is sent to"):
            word_labels(WordLabelsRequest(atlas, SAE, (DISEASES,), Endpoint(moved.url, "reader", "secret")))
        assert moved.keys == ["Bearer secret"]
        assert other.asked == []


def test_no_proxy_of_the_environment_is_asked(atlas: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(diseases) as proxy, answering(diseases) as model:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        word_labels(WordLabelsRequest(atlas, SAE, (DISEASES,), Endpoint(model.url, "reader")))
    assert (len(model.asked), proxy.asked) == (1, [])


@pytest.mark.parametrize("url", ["http://local host/v1", "http://a:b/v1", "http://[::1", "http://", "http://ä\x7f/v1"])
def test_an_address_that_is_none_is_one_line(atlas: Path, url: str) -> None:
    with pytest.raises(ModelError, match="/chat/completions cannot be reached: ") as caught:
        word_labels(WordLabelsRequest(atlas, SAE, (DISEASES,), Endpoint(url, "reader")))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "no key: A_KEY is not set; export it, or leave --key-variable out"),
        ({"A_KEY": ""}, "no key: A_KEY is not set"),
        ({"A_KEY": "sec\nret"}, "the key holds characters that cannot be sent"),
    ],
)
def test_a_key_that_is_none_is_refused_before_anything_is_sent(
    atlas: Path, environment: dict[str, str], message: str
) -> None:
    with answering(diseases) as model:
        arguments = ["label", "ask", str(atlas), "--url", model.url, "--model", "reader", "--sae", SAE]
        run = CliRunner().invoke(
            cli, [*arguments, "--feature", str(DISEASES), "--key-variable", "A_KEY"], env={"A_KEY": None, **environment}
        )
    assert isinstance(run.exception, ModelError)
    assert str(run.exception).startswith(message)
    assert "ret" not in str(run.exception)
    assert model.asked == []


def test_half_a_surrogate_pair_in_an_answer_is_no_text(atlas: Path) -> None:
    with answering(lambda _: "illness \ud800") as model:
        word_labels(WordLabelsRequest(atlas, SAE, (DISEASES,), Endpoint(model.url, "reader")))
    with open_atlas(atlas, read_only=True) as opened:
        assert opened.rows("SELECT label FROM feature_label") == [("illness ?",)]


def test_a_feature_that_is_not_there_or_fires_nowhere_is_named_before_anything_is_sent(atlas: Path) -> None:
    with answering(diseases) as model:
        endpoint = Endpoint(model.url, "reader")
        with pytest.raises(SelectionError, match="feature 900 is not in planted/hook; its features are 0 to 65"):
            word_labels(WordLabelsRequest(atlas, SAE, (DISEASES, 900), endpoint))
        for feature in (SILENT, RARE):
            with pytest.raises(SelectionError, match=f"feature {feature} fires in no document that labels are made"):
                word_labels(WordLabelsRequest(atlas, SAE, (feature,), endpoint))
    assert model.asked == []
