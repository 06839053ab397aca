"""Associations: a number or classes of documents, their figures against scipy, and when they are computed again."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats
from sklearn.metrics import roc_auc_score

from atlas.cli.main import cli
from ingest.contrasts.selection import select_documents
from ingest.contrasts.stale import mark_stale, stale_contrasts
from ingest.jobs.association import AssociationRequest, association_into
from ingest.jobs.remove import RemoveRequest, remove_into
from schema import Atlas, SelectionError, open_atlas
from schema.verify import verify

DOMAINS = ("domain=medical", "domain=cooking", "domain=law", "domain=sport")
FOLDER = Path()
DOSE = AssociationRequest(FOLDER, "doses", "dose", ())
CLASSES = AssociationRequest(FOLDER, "domains", None, DOMAINS)


@pytest.fixture
def atlas(atlas_copy: Path) -> Any:
    """The bundled corpora; nine documents in ten have a dose, of which one feature's score tells with noise."""
    with open_atlas(atlas_copy) as opened:
        scores = dense(opened)
        rng = np.random.default_rng(0)
        dose = scores[planted(scores)].rank() / 50 + rng.normal(size=len(scores))
        for document, value in dose[rng.random(len(scores)) < 0.9].items():
            opened.rows("INSERT INTO document_field VALUES (?, 'dose', ?)", [document, value])
        yield opened


def planted(scores: pd.DataFrame) -> int:
    """The feature that fires on about half of the documents."""
    return int(scores.columns[np.abs((scores.to_numpy() > 0).sum(axis=0) - len(scores) / 2).argmin()])


def dense(atlas: Atlas) -> pd.DataFrame:
    """Scores (document, feature) of the first SAE, zeros included."""
    sql = "SELECT document, feature, max_activation AS score FROM feature_document WHERE sae = 0"
    return atlas.arrow(sql).to_pandas().pivot_table(index="document", columns="feature", values="score", fill_value=0.0)


def figures(atlas: Atlas, table: str) -> pd.DataFrame:
    return atlas.arrow(f"SELECT * FROM {table} WHERE sae = 0 ORDER BY feature").to_pandas().set_index("feature")


def compared(atlas: Atlas) -> pd.DataFrame:
    return atlas.arrow("SELECT * FROM association_document WHERE sae = 0").to_pandas().set_index("document")


def holds(atlas: Atlas) -> bool:
    assert [finding for finding in verify(atlas) if finding.violations] == []
    return True


def test_a_number_is_correlated_as_scipy_does_and_its_feature_comes_first(atlas: Atlas) -> None:
    association_into(atlas, DOSE)
    found, documents, scores = figures(atlas, "feature_target"), compared(atlas), dense(atlas)
    for feature in found.index[:: len(found) // 40]:
        for part, column in ((documents, "rho"), (documents[documents["split"] == "confirmation"], "rho_confirmation")):
            score = scores.loc[part.index, feature]
            expected = stats.spearmanr(score, part["value"]).statistic if score.nunique() > 1 else 0
            assert found.loc[feature, column] == pytest.approx(expected, abs=1e-9)
    first = found[found["place_discovery"] == 1]
    assert first.index.tolist() == [planted(scores)]
    assert first["confirmed"].all()
    assert (first["family_p"] <= 0.05).all()
    assert (first["q"] <= 0.05).all()
    assert holds(atlas)


def test_classes_are_compared_as_scipy_and_scikit_learn_do(atlas: Atlas) -> None:
    association_into(atlas, CLASSES)
    found, documents, scores = figures(atlas, "feature_classes"), compared(atlas), dense(atlas)
    each = figures(atlas, "feature_class").set_index("class", append=True)
    for feature in found.index[:: len(found) // 30]:
        score = scores.loc[documents.index, feature].astype(float)
        sides = [score[documents["class"] == number] for number in range(4)]
        if score.nunique() > 1:
            assert found.loc[feature, "h"] == pytest.approx(stats.kruskal(*sides).statistic, rel=1e-9, abs=1e-9)
        if not np.isfinite(found.loc[feature, "q"]):
            continue
        for number in range(4):
            expected = roc_auc_score(documents["class"] == number, score)
            assert each.loc[(feature, number), "auroc"] == pytest.approx(expected)
    assert holds(atlas)


def test_the_best_class_is_chosen_on_one_half_and_judged_on_the_other(atlas: Atlas) -> None:
    association_into(atlas, AssociationRequest(FOLDER, "two", None, ("medical", "control")))
    found, documents, scores = figures(atlas, "feature_classes"), compared(atlas), dense(atlas)
    feature = found.index[int(found["place_discovery"].argmin())]
    aurocs = {}
    for split in ("discovery", "confirmation"):
        part = documents[documents["split"] == split]
        score = scores.loc[part.index, feature]
        aurocs[split] = [roc_auc_score(part["class"] == number, score) for number in (0, 1)]
    best = int(np.argmax(aurocs["discovery"]))
    row = found.loc[feature]
    assert row["best_class"] == best
    assert row["auroc"] == pytest.approx(aurocs["confirmation"][best])
    assert row["auroc_low"] <= row["auroc"] <= row["auroc_high"]


def test_the_same_again_changes_nothing_and_other_numbers_are_computed_again(atlas: Atlas) -> None:
    assert association_into(atlas, DOSE)
    assert association_into(atlas, DOSE) == []
    atlas.rows("UPDATE document_field SET value = -value")
    assert association_into(atlas, DOSE)
    assert (figures(atlas, "feature_target").loc[[planted(dense(atlas))], "rho"] < 0).all()


def test_a_removed_corpus_marks_what_read_it_and_is_made_up_for(atlas: Atlas) -> None:
    association_into(atlas, DOSE)
    association_into(atlas, CLASSES)
    with atlas.transaction():
        mark_stale(atlas, list(select_documents(atlas, ["control/law"])))
    assert set(stale_contrasts(atlas)) >= {"domains", "doses"}
    assert holds(atlas)
    remove_into(atlas, RemoveRequest(FOLDER, corpus="control/law"))
    assert stale_contrasts(atlas) == []
    assert atlas.rows("SELECT name FROM association") == [("doses",)]
    assert compared(atlas)["value"].notna().all()
    assert holds(atlas)


def test_a_name_asks_one_thing(atlas: Atlas) -> None:
    association_into(atlas, AssociationRequest(FOLDER, "one", "dose", ("medical",)))
    association_into(atlas, AssociationRequest(FOLDER, "one", None, ("medical", "control")))
    assert atlas.rows("SELECT name, kind FROM association") == [("one", "classes")]
    assert atlas.rows("SELECT COUNT(*) FROM feature_target") == [(0,)]
    assert holds(atlas)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (AssociationRequest(FOLDER, "q", "year", ()), "no document has a field 'year' (this atlas has: dose)"),
        (AssociationRequest(FOLDER, "q", "dose", ("domain=nothing",)), "'domain=nothing' selects no document"),
        (
            AssociationRequest(FOLDER, "q", None, ("medical", "domain=medical")),
            "a text is of both medical and domain=medical",
        ),
        (AssociationRequest(FOLDER, "q", None, ("medical", "medical")), "classes are two sets or more"),
    ],
)
def test_what_cannot_be_asked_is_refused(atlas: Atlas, question: AssociationRequest, said: str) -> None:
    with pytest.raises(SelectionError) as refusal:
        association_into(atlas, question)
    assert said in str(refusal.value)


def test_the_command_says_what_is_compared_and_takes_one_question(atlas_copy: Path) -> None:
    with open_atlas(atlas_copy) as opened:
        opened.rows("INSERT INTO document_field SELECT document, 'length', length(text) FROM document")
    run = CliRunner().invoke
    done = run(cli, ["contrast", str(atlas_copy), "lengths", "--target", "length", "--corpus", "medical"])
    assert done.exit_code == 0
    assert "contrast lengths computed for pocket/" in done.stdout
    assert "128 documents of " in done.stderr
    assert "features tested" in done.stderr
    for wrong in (["--class", "medical"], ["--target", "length", "--positive", "medical"], ["--positive", "medical"]):
        assert run(cli, ["contrast", str(atlas_copy), "wrong", *wrong]).exit_code == 2
    few = run(cli, ["contrast", str(atlas_copy), "few", "--target", "length", "--null", "20"])
    assert "p is by shuffles" in str(few.exception)
