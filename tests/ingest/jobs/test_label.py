"""Labels of planted features, and how they are borne out: right kind, right words, a null that means nothing."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from scipy.stats import binom, chisquare

from atlas.cli.main import cli
from ingest.jobs.label import LabelRequest, label
from ingest.jobs.remove import RemoveRequest, remove
from ingest.jobs.score import ScoreRequest, score
from schema import open_atlas
from schema.errors import SelectionError
from schema.verify import verify
from tests.made.empty_atlas import write_empty_atlas
from tests.made.worded_atlas import (
    BEFORE_NUMBERS,
    DISEASES,
    FIRST_RANDOM,
    ILL,
    RANDOM,
    RARE,
    SAYS_THE,
    SILENT,
    write_worded_atlas,
)

HALF = "md5(COALESCE(group_name, document.content_hash)) < '8'"


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted atlas, its features labelled and the labels scored."""
    path = write_worded_atlas(tmp_path_factory.mktemp("labelled") / "worded.duckdb")
    label(LabelRequest(path))
    score(ScoreRequest(path))
    return path


@pytest.fixture
def copy(labelled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(labelled, tmp_path / "atlas.duckdb"))


def scores(path: Path, negatives: str = "random") -> dict[int, tuple[float | None, int | None, str | None]]:
    """AUROC, wrong labels beaten and reason of each feature's label."""
    sql = """
        SELECT feature, auroc, beaten, reason
        FROM label_score
        JOIN feature_label USING (feature_label)
        WHERE negatives = ?
        ORDER BY feature
    """
    with open_atlas(path, read_only=True) as atlas:
        return {feature: (auroc, beaten, reason) for feature, auroc, beaten, reason in atlas.rows(sql, [negatives])}


def labels(path: Path) -> dict[int, tuple[str, str]]:
    with open_atlas(path, read_only=True) as atlas:
        return {
            feature: (kind, text)
            for feature, kind, text in atlas.rows("SELECT feature, kind, label FROM feature_label")
        }


def plant_the(path: Path, where: str) -> None:
    """Let the silent feature fire on each `the` of some documents; what was labelled and scored stands no longer."""
    with open_atlas(path) as atlas:
        atlas.rows(
            f"""
            INSERT INTO activation BY NAME
            SELECT 0 AS sae, {SILENT} AS feature, context, position, 1.0 AS activation
            FROM token
            JOIN context USING (context)
            JOIN document USING (document)
            WHERE token.text = 'the'
              AND {where}
            ORDER BY ALL
            """
        )
        atlas.rows("UPDATE feature_label SET source_sha256 = 'another'")
        atlas.rows("UPDATE label_score SET documents_sha256 = 'another'")


def read_again(path: Path, where: str) -> None:
    """Let some documents have the text of one of the others, a space apart, and be read after it."""
    with open_atlas(path) as atlas:
        atlas.rows(
            f"""
            UPDATE document
            SET text = (SELECT text || ' ' FROM document WHERE NOT ({where}) ORDER BY document LIMIT 1)
            WHERE {where}
            """
        )
        theirs = f"SELECT document FROM document WHERE {where}"
        atlas.rows(f"UPDATE coverage SET ingest_run = 1 WHERE document IN ({theirs})")


def test_planted_features_get_the_right_kind_of_label(labelled: Path) -> None:
    found = labels(labelled)
    kind, text = found[DISEASES]
    assert kind == "on"
    assert set(text.split(", ")) == set(ILL)
    assert found[BEFORE_NUMBERS] == ("before", "before numbers")
    assert found[SAYS_THE] == ("says", "says the")


def test_their_scores_leave_the_null(labelled: Path) -> None:
    for negatives in ("random", "same token"):
        found = scores(labelled, negatives)
        for feature in (BEFORE_NUMBERS, SAYS_THE):
            auroc, beaten, reason = found[feature]
            assert reason is None
            assert (auroc or 0) > 0.85
            assert beaten == 20
    assert scores(labelled)[DISEASES][:2] == (1.0, 20)


def test_a_token_that_is_never_silent_has_no_such_contexts(labelled: Path) -> None:
    auroc, _, reason = scores(labelled, "same token")[DISEASES]
    assert auroc is None
    assert (reason or "").startswith("on tokens that it is also silent on, firing in 0 groups")
    assert "silent in 0; 5 of each are needed" in (reason or "")


def test_same_token_holds_firing_contexts_against_silent_ones_around_the_same_tokens(copy: Path) -> None:
    """A feature of each `asthma` and every other `the` is told by `asthma`, but not where both sides have `the`."""
    with open_atlas(copy) as atlas:
        atlas.rows(
            """
            INSERT INTO activation BY NAME
            SELECT 0 AS sae, $feature AS feature, context, position, 1.0 AS activation
            FROM token
            WHERE text = 'asthma' OR (text = 'the' AND context % 2 = 0)
            ORDER BY ALL
            """,
            {"feature": SILENT},
        )
        said = {"feature": SILENT, "label": "asthma", "words": '["asthma"]', "old": RARE}
        atlas.rows(
            "UPDATE feature_label SET feature = $feature, label = $label, words = $words WHERE feature = $old", said
        )
        atlas.rows("DELETE FROM label_score")
    score(ScoreRequest(copy))
    assert (scores(copy)[SILENT][0] or 0) > 0.6
    auroc, _, reason = scores(copy, "same token")[SILENT]
    assert reason is None
    assert abs((auroc or 0) - 0.5) < 0.05


def test_labels_without_words_take_no_place_among_the_wrong_ones(copy: Path) -> None:
    with open_atlas(copy) as atlas:
        atlas.rows("UPDATE feature_label SET words = '[]' WHERE feature >= ?", [FIRST_RANDOM + 10])
        atlas.rows(
            "UPDATE feature_label SET words = json_array('word' || feature) WHERE feature BETWEEN ? AND ?",
            [FIRST_RANDOM, FIRST_RANDOM + 9],
        )
        atlas.rows("DELETE FROM label_score")
    score(ScoreRequest(copy))
    with open_atlas(copy, read_only=True) as atlas:
        sql = "SELECT wrong_labels FROM label_score JOIN feature_label USING (feature_label) WHERE feature = ?"
        ((wrong,),) = atlas.rows(f"{sql} AND negatives = 'random'", [DISEASES])
    assert 10 <= wrong <= 13, "the ten, and those of the planted features that share none of its words"


@pytest.mark.parametrize("negatives", ["random", "same token"])
def test_scores_of_features_that_mean_nothing_stay_in_the_null(labelled: Path, negatives: str) -> None:
    beaten = [places for feature, (_, places, _) in scores(labelled, negatives).items() if feature >= FIRST_RANDOM]
    tested = [places for places in beaten if places is not None]
    assert len(tested) == RANDOM
    assert sum(places == 20 for places in tested) <= binom.ppf(0.999, RANDOM, 1 / 21)
    thirds = Counter(places // 7 for places in tested)
    assert chisquare([thirds[third] for third in range(3)]).pvalue > 0.001


def test_a_rare_feature_is_labelled_and_its_missing_score_has_a_reason(labelled: Path) -> None:
    assert labels(labelled)[RARE][0] == "on"
    auroc, beaten, reason = scores(labelled)[RARE]
    assert (auroc, beaten) == (None, None)
    assert reason


def test_every_feature_that_fires_has_a_label(labelled: Path) -> None:
    with open_atlas(labelled, read_only=True) as atlas:
        firing = {feature for (feature,) in atlas.rows("SELECT DISTINCT feature FROM activation")}
    assert set(labels(labelled)) == firing


def test_no_document_that_made_labels_scores_them(copy: Path) -> None:
    """What happens in the half that labels are made from changes no score: its activations may as well be others."""
    before = scores(copy)
    with open_atlas(copy) as atlas:
        making = f"SELECT context FROM context JOIN document USING (document) WHERE {HALF}"
        atlas.rows(f"UPDATE activation SET position = 1 + (position + 6) % 16 WHERE context IN ({making})")
        atlas.rows("UPDATE label_score SET documents_sha256 = 'another'")
    score(ScoreRequest(copy))
    assert scores(copy) == before


def test_a_label_is_not_scored_on_what_made_it_also_where_the_other_half_comes_later(copy: Path) -> None:
    plant_the(copy, f"NOT {HALF}")
    label(LabelRequest(copy))
    plant_the(copy, HALF)
    with open_atlas(copy) as atlas:
        atlas.rows(
            f"""
            UPDATE coverage
            SET ingest_run = (SELECT MAX(ingest_run) FROM ingest_run)
            WHERE document IN (SELECT document FROM document WHERE {HALF})
            """
        )
    score(ScoreRequest(copy))
    auroc, _, reason = scores(copy)[SILENT]
    assert auroc is None
    assert (reason or "").startswith("when it was made")
    with open_atlas(copy) as atlas:
        atlas.rows("UPDATE feature_label SET source_sha256 = 'another'")
    label(LabelRequest(copy))
    score(ScoreRequest(copy))
    assert (scores(copy)[SILENT][0] or 0) > 0.85


def test_a_text_in_both_halves_is_in_that_alone_in_which_it_was_read_first(copy: Path) -> None:
    read_again(copy, f"NOT {HALF}")
    score(ScoreRequest(copy))
    found = scores(copy).values()
    assert all(auroc is None for auroc, *_ in found)
    nothing = "firing in 0 groups of documents and silent in 0; 5 of each are needed"
    assert nothing in {reason for *_, reason in found}


def test_features_are_labelled_from_the_other_half_where_no_document_is_in_the_first(copy: Path) -> None:
    read_again(copy, HALF)
    label(LabelRequest(copy))
    score(ScoreRequest(copy))
    assert labels(copy)[BEFORE_NUMBERS] == ("before", "before numbers")
    assert all(auroc is None for auroc, *_ in scores(copy).values())


def test_no_document_that_scores_labels_makes_them(copy: Path) -> None:
    before = labels(copy)
    with open_atlas(copy) as atlas:
        judging = f"SELECT context FROM context JOIN document USING (document) WHERE NOT {HALF}"
        atlas.rows(f"UPDATE activation SET position = 1 + (position + 6) % 16 WHERE context IN ({judging})")
        atlas.rows("UPDATE feature_label SET source_sha256 = 'another'")
    label(LabelRequest(copy))
    after = labels(copy)
    assert before.pop(RARE) != after.pop(RARE), "it fires in that half alone, and is labelled from it"
    assert after == before


def test_made_and_scored_again_nothing_changes(copy: Path) -> None:
    with open_atlas(copy, read_only=True) as atlas:
        before = [atlas.rows(f"FROM {table} ORDER BY ALL") for table in ("feature_label", "label_score")]
    assert [each.new for each in label(LabelRequest(copy))] == [False]
    assert [each.scored for each in score(ScoreRequest(copy))] == [0]
    with open_atlas(copy, read_only=True) as atlas:
        assert [atlas.rows(f"FROM {table} ORDER BY ALL") for table in ("feature_label", "label_score")] == before
        assert not any(finding.violations for finding in verify(atlas))


def test_scores_do_not_depend_on_where_the_work_was_cut(copy: Path) -> None:
    with open_atlas(copy, read_only=True) as atlas:
        before = atlas.rows("SELECT * EXCLUDE (ingest_run) FROM label_score ORDER BY ALL")
    with open_atlas(copy) as atlas:
        atlas.rows("DELETE FROM label_score WHERE feature_label % 3 = 1")
    assert score(ScoreRequest(copy))[0].scored > 0
    with open_atlas(copy, read_only=True) as atlas:
        assert atlas.rows("SELECT * EXCLUDE (ingest_run) FROM label_score ORDER BY ALL") == before


def test_what_rests_on_documents_that_have_gone_says_so_and_is_made_and_scored_again(copy: Path) -> None:
    stale = """
        SELECT COUNT(*) FILTER (source_sha256 = ''), COUNT(*) FILTER (documents_sha256 = ''), COUNT(*)
        FROM label_score
        JOIN feature_label USING (feature_label)
    """
    remove(RemoveRequest(copy, "planted/more"))
    with open_atlas(copy, read_only=True) as atlas:
        ((made, scored, all_scores),) = atlas.rows(stale)
        assert made == scored == all_scores
        assert not any(finding.violations for finding in verify(atlas))
    assert label(LabelRequest(copy))[0].new
    score(ScoreRequest(copy))
    with open_atlas(copy, read_only=True) as atlas:
        assert atlas.rows(stale)[0][:2] == (0, 0)
    assert labels(copy)[BEFORE_NUMBERS] == ("before", "before numbers")


def test_the_command_says_how_many_are_labelled_and_which_never_fire(copy: Path) -> None:
    run = CliRunner().invoke(cli, ["label", "make", str(copy), "--sae", "planted/hook"])
    assert run.output == f"{copy}: planted/hook: nothing new; 64 features have labels, 2 never fire\n"


@pytest.mark.parametrize(
    ("sae", "message"), [("planted/hoook", "did you mean planted/hook"), ("other", "it has planted/hook")]
)
def test_an_sae_that_is_not_there_is_named(copy: Path, sae: str, message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        label(LabelRequest(copy, (sae,)))


def test_there_is_nothing_to_label_and_to_score_in_an_empty_atlas(tmp_path: Path) -> None:
    path = write_empty_atlas(tmp_path / "empty.duckdb")
    nothing = "no SAE has read any document; ingest first"
    with pytest.raises(SelectionError, match=nothing):
        label(LabelRequest(path))
    with pytest.raises(SelectionError, match=nothing):
        score(ScoreRequest(path))
