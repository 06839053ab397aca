"""`atlas circuit steer` and `ablate`: stored once, taken away with what they rest on, refused with a line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from atlas.cli.main import cli
from ingest.circuits.effects.particular_words import particular_words
from ingest.jobs.ablate import AblateRequest, ablate
from ingest.jobs.remove import RemoveRequest, remove
from ingest.jobs.steer import Push, SteerRequest, steer
from schema import AtlasError, open_atlas
from schema.methods import METHODS
from schema.verify import verify

SETS = (("medical",), ("control",))
FIGURES = """
    SELECT ROUND(kl, 6), s.text, dose, random
    FROM steering_effect
    JOIN steering AS s USING (steering)
    UNION ALL
    SELECT ROUND(rise, 6), side, 0, random
    FROM ablation_effect
    ORDER BY ALL
"""
TABLES = ("steering", "steering_effect", "ablation", "ablation_effect", "ablation_document")


@pytest.fixture(scope="module")
def feature(bundled_atlas: Path) -> int:
    """The feature that fires on most documents, though not everywhere."""
    with open_atlas(bundled_atlas, read_only=True) as atlas:
        fires = "SELECT feature FROM feature_document GROUP BY feature HAVING COUNT(*) < 200"
        return int(atlas.rows(f"{fires} ORDER BY COUNT(*) DESC, feature")[0][0])


def requests(path: Path, feature: int) -> tuple[SteerRequest, AblateRequest]:
    push = Push(doses=(0.0, 2.0), words_of=("medical",), controls=4, new_tokens=3)
    steering = SteerRequest(path, (feature,), push, ("medical",), ("He sold the old car",), limit=2)
    return steering, AblateRequest(path, (feature,), SETS, limit=12, controls=2)


@pytest.fixture(scope="module")
def steered(bundled_atlas: Path, feature: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled atlas with a little of both."""
    path = Path(shutil.copy(bundled_atlas, tmp_path_factory.mktemp("steered") / "atlas.duckdb"))
    steering, ablation = requests(path, feature)
    assert len(steer(steering).new) == 3
    assert [each.known for each in ablate(ablation)] == [False]
    return path


def counts(path: Path) -> list[int]:
    with open_atlas(path, read_only=True) as atlas:
        return [atlas.rows(f"SELECT COUNT(*) FROM {table}")[0][0] for table in TABLES]


def wrong(path: Path) -> list[str]:
    with open_atlas(path, read_only=True) as atlas:
        return [finding.invariant for finding in verify(atlas) if finding.violations]


def test_every_invariant_holds_and_a_rerun_is_free(steered: Path, feature: int) -> None:
    assert wrong(steered) == []
    before = counts(steered)
    assert before == [3, 3 * 2 * 5, 1, 6, 24]
    steering, ablation = requests(steered, feature)
    assert (steer(steering).new, [each.known for each in ablate(ablation)]) == ([], [True])
    assert counts(steered) == before


def test_rows_of_an_older_method_are_computed_again(
    steered: Path, feature: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copy(steered, tmp_path / "atlas.duckdb"))
    with open_atlas(path) as atlas:
        expected = atlas.rows(FIGURES)
        atlas.rows("UPDATE steering_effect SET kl = 99")
        atlas.rows("UPDATE ablation_effect SET rise = 99, loss_without = loss + 99")
    for name in ("steering", "ablation"):
        monkeypatch.setitem(METHODS, name, replace(METHODS[name], revision=METHODS[name].revision + 1))
    assert counts(path) == [0] * len(TABLES)
    steering, ablation = requests(path, feature)
    assert (len(steer(steering).new), [each.known for each in ablate(ablation)]) == (3, [False])
    assert counts(path) == [3, 3 * 2 * 5, 1, 6, 24]
    with open_atlas(path, read_only=True) as atlas:
        assert atlas.rows(FIGURES) == expected


def test_words_followed_are_of_the_documents_named(steered: Path) -> None:
    with open_atlas(steered, read_only=True) as atlas:
        ((words,),) = atlas.rows("SELECT DISTINCT words FROM steering")
        assert " disease" in json.loads(words)
        found = particular_words(atlas, ["medical"], 0)
        rows = dict(atlas.rows("SELECT token_id, text FROM vocabulary"))
        assert json.loads(words) == [rows[number] for number in found]
        with pytest.raises(AtlasError, match="no word is particular to medical, control"):
            particular_words(atlas, ["medical", "control"], 0)


def test_removed_documents_take_what_rests_on_them(steered: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(steered, tmp_path / "atlas.duckdb"))
    with open_atlas(path, read_only=True) as atlas:
        corpora = atlas.rows("SELECT name FROM corpus WHERE name LIKE 'medical%' ORDER BY name")
    for (name,) in corpora:
        remove(RemoveRequest(path, name))
    assert counts(path) == [1, 10, 0, 0, 0]
    assert wrong(path) == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["steer", "--text", "He sold it"], "name features"),
        (["steer", "--feature", "3"], "name prompts"),
        (["steer", "--feature", "3", "--text", "He sold it", "--dose", "big"], "numbers with commas"),
        (["steer", "--feature", "3", "--text", "He sold it", "--dose", "nan"], "at most a million"),
        (["steer", "--feature", "99999", "--text", "He sold it"], "feature 99999 is not in"),
        (["steer", "--feature", "3", "--text", "He sold it", "--position", "40"], "position 40 is not in"),
        (["steer", "--feature", "3", "--text", "He sold it", "--word", " not a token"], "is not one token"),
        (["ablate", "--feature", "3", "--positive", "medical", "--control", "medical"], "both sides"),
    ],
)
def test_mistakes_are_one_line(steered: Path, arguments: list[str], line: str) -> None:
    command, *options = arguments
    result = CliRunner().invoke(cli, ["circuit", command, str(steered), *options])
    assert result.exit_code != 0
    assert line in f"{result.output}{result.exception}"
    assert wrong(steered) == []


def test_the_commands_say_what_they_did(steered: Path, feature: int) -> None:
    given = ["--feature", str(feature), "--text", "The doctor said", "--dose", "1", "--controls", "2"]
    first, again = (CliRunner().invoke(cli, ["circuit", "steer", str(steered), *given]) for _ in range(2))
    assert "1 steered prompts" in first.output
    assert "nothing new" in again.output
