"""Publishing an atlas: the SQLite copy, and the site folder it is put into."""

import json
import math
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from atlas.cli.main import cli
from atlas.publish import Outcome, publish, read_current
from atlas.publish.current import KEPT_SNAPSHOTS, hold_site
from atlas.publish.examples import REACH
from atlas.publish.rows import SUBSETS
from atlas.publish.tables import EXAMPLE, UNPUBLISHED, sqlite_tables
from schema import Atlas, AtlasDamagedError, AtlasError, AtlasLockedError, AtlasMissingError, open_atlas
from schema.locking import declare_writer
from schema.migrations import VERSION
from schema.tables import metadata
from tests.made.patience import PATIENCE_SECONDS

IMPORTED = {"feature_import", "sae_import"}
"""Tables of SAEs that were imported, of which the tiny atlas has none: tests/atlas/exchange publishes one."""
PUBLISHED = sorted(set(metadata.tables) - UNPUBLISHED)

KILLED = """
import os, signal, sys
from atlas.publish import publish
calls, sync = [], os.fsync
def fsync(descriptor):
    calls.append(descriptor)
    if len(calls) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    sync(descriptor)
os.fsync = fsync
publish(sys.argv[1], sys.argv[2])
"""


@pytest.fixture
def atlas(tiny_copy: Path) -> Path:
    return tiny_copy


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


@pytest.fixture(scope="module")
def published(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    return tiny, publish(tiny, tmp_path_factory.mktemp("published") / "site")


@pytest.fixture
def database(published: tuple[Path, Outcome]) -> Iterator[sqlite3.Connection]:
    with closing(open_database(published[1])) as connection:
        yield connection


def open_database(outcome: Outcome) -> sqlite3.Connection:
    return sqlite3.connect(outcome.folder / "atlas.db")


def change(atlas: Path, number: int = 0) -> None:
    with open_atlas(atlas) as opened, opened.transaction():
        opened.duckdb.execute("INSERT INTO corpus VALUES (?, ?, 'other')", [100 + number, f"another/{number}"])


def snapshots(site: Path) -> list[str]:
    return sorted(path.name for path in (site / "snapshots").iterdir())


def stored(value: object) -> object:
    """A value of the atlas as the copy holds it."""
    if isinstance(value, float):
        return None if math.isnan(value) else pytest.approx(value, rel=1e-6)
    return re.sub(r"(\.\d*?)0+$", r"\1", str(value)) if isinstance(value, datetime) else value


@pytest.mark.parametrize("name", [name for name in PUBLISHED if name not in SUBSETS.keys() | IMPORTED])
def test_a_published_table_has_the_columns_and_rows_of_the_atlas(
    name: str, published: tuple[Path, Outcome], database: sqlite3.Connection
) -> None:
    columns = ", ".join(column.name for column in metadata.tables[name].columns)
    order = ", ".join(column.name for column in sqlite_tables().tables[name].primary_key)
    select = f"SELECT {columns} FROM {name} ORDER BY {order}"
    with open_atlas(published[0], read_only=True) as opened:
        expected = [tuple(map(stored, row)) for row in opened.duckdb.execute(select).fetchall()]
    assert expected, f"the tiny atlas has no row of {name}"
    assert database.execute(select).fetchall() == expected


def test_tables_as_long_as_the_text_stay_in_the_atlas(database: sqlite3.Connection) -> None:
    names = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert names >= {*PUBLISHED, EXAMPLE}
    assert not names & UNPUBLISHED


def test_only_the_most_frequent_tokens_of_a_feature_are_published(atlas: Path, site: Path) -> None:
    with open_atlas(atlas) as opened, opened.transaction():
        opened.duckdb.execute("DELETE FROM feature_token")
        opened.duckdb.execute("INSERT INTO feature_token SELECT 0, 0, 1, range, 1 + range % 3, 1.0 FROM range(90)")
    with closing(open_database(publish(atlas, site))) as database:
        kept = {row[0] for row in database.execute("SELECT token_id FROM feature_token")}
    ranked = sorted(range(90), key=lambda token_id: (-(token_id % 3), token_id))
    assert kept == set(ranked[:50])


def test_every_key_and_reference_holds(database: sqlite3.Connection) -> None:
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_logical_references_are_foreign_keys(database: sqlite3.Connection) -> None:
    for name in PUBLISHED:
        found = {(row[2], row[3]) for row in database.execute(f"PRAGMA foreign_key_list({name})")}
        for column in metadata.tables[name].columns:
            target = column.info.get("references")
            if target and target not in UNPUBLISHED:
                assert (target, column.name) in found, f"{name}.{column.name}"
    assert ("feature", "feature") in {
        (row[2], row[3]) for row in database.execute("PRAGMA foreign_key_list(feature_corpus)")
    }


def test_every_table_has_a_key(database: sqlite3.Connection) -> None:
    for name in (*PUBLISHED, EXAMPLE):
        assert any(row[5] for row in database.execute(f"PRAGMA table_info({name})")), name


def test_an_example_shows_its_window_with_the_token_marked(database: sqlite3.Connection) -> None:
    select = "SELECT token, sentence FROM example WHERE sae = 0 AND feature = 1 AND sampling = 'top'"
    shown = dict(database.execute(select).fetchall())
    assert shown["Tuberculosis"] == "⟦Tuberculosis⟧ causes a long cough and night sweats."
    assert shown[" pneumonia"] == "Doctors treat ⟦pneumonia⟧ with antibiotics and rest."
    assert shown[" diabetes"] == "Untreated ⟦diabetes⟧ harms the kidneys, the eyes and, in time, the"


def test_a_feature_has_so_many_examples_however_many_corpora_there_are(atlas: Path, site: Path) -> None:
    with open_atlas(atlas) as opened, opened.transaction():
        wide = "sae = 0 AND feature = 1 AND sampling = 'top' AND rank = 1"
        for corpus in range(50, 60):
            opened.rows("INSERT INTO corpus VALUES (?, ?, 'other')", [corpus, f"many/{corpus}"])
            opened.rows(
                f"INSERT INTO feature_example SELECT e.* REPLACE (? AS corpus, n AS rank, ? - n AS activation) "
                f"FROM (SELECT * FROM feature_example WHERE {wide} LIMIT 1) AS e CROSS JOIN range(1, 21) AS ranked (n)",
                [corpus, 1000 - corpus],
            )
            opened.rows(
                f"INSERT INTO feature_example SELECT * REPLACE (? AS corpus, 'octave' AS sampling, 3 AS octave) "
                f"FROM feature_example WHERE {wide} AND corpus < 50 LIMIT 1",
                [corpus],
            )
    with closing(open_database(publish(atlas, site))) as database:
        shown = "FROM example WHERE sae = 0 AND feature = 1 AND sampling ="
        top = database.execute(f"SELECT corpus, count(*), max(rank) {shown} 'top' GROUP BY corpus").fetchall()
        octaves = database.execute(f"SELECT count(*), count(DISTINCT octave) {shown} 'octave'").fetchone()
        keys = "SELECT sae, feature, corpus, sampling, octave, rank FROM"
        apart = database.execute(f"{keys} example EXCEPT {keys} feature_example").fetchall()
        numbers = database.execute("SELECT (SELECT count(*) FROM example), (SELECT count(*) FROM feature_example)")
        assert len(set(numbers.fetchone())) == 1
    assert top == [(50, 10, 10), (51, 5, 5), (52, 5, 5), (53, 5, 5)]
    assert octaves[0] == octaves[1] > 1
    assert apart == []


def test_an_example_reaches_so_far_to_each_side(atlas: Path, site: Path) -> None:
    with open_atlas(atlas) as opened, opened.transaction():
        long = "text = repeat('x', 500) || text || repeat('y', 500)"
        opened.duckdb.execute(f"UPDATE document SET {long}")
        opened.duckdb.execute("UPDATE token SET char_start = char_start + 500, char_end = char_end + 500")
        ends = "SELECT context, max(position) AS last FROM token GROUP BY context"
        opened.duckdb.execute(
            f"UPDATE token SET char_end = char_end + 500 FROM ({ends}) AS held "
            "WHERE held.context = token.context AND held.last = token.position"
        )
    with closing(open_database(publish(atlas, site))) as database:
        found = [row[0] for row in database.execute("SELECT sentence FROM example").fetchall()]
    assert any(sentence.endswith("y…") for sentence in found)
    assert max(map(len, found)) < 1_100
    assert all(len(sentence.partition("⟧")[2]) <= REACH + 1 for sentence in found)


def test_a_word_of_several_tokens_is_found_whole(atlas: Path, site: Path) -> None:
    with open_atlas(atlas) as opened, opened.transaction():
        halves = "text = ' diab', char_end = char_start + 5"
        opened.duckdb.execute(f"UPDATE token SET {halves} WHERE text = ' diabetes'")
    with closing(open_database(publish(atlas, site))) as database:
        found = [
            row[0]
            for row in database.execute(
                "SELECT sentence FROM example WHERE rowid IN (SELECT rowid FROM example_fts WHERE example_fts MATCH ?)",
                ["diabetes"],
            )
        ]
    assert any("⟦diab⟧etes" in sentence for sentence in found)


@pytest.mark.parametrize(
    ("table", "words", "expected"),
    [
        ("document", "kidney", "Untreated diabetes"),
        ("vocabulary", "asthma", "Asthma"),
        ("example", "orchestra", "orchestra"),
    ],
)
def test_full_text_search(table: str, words: str, expected: str, database: sqlite3.Connection) -> None:
    column = "sentence" if table == "example" else "text"
    select = f"SELECT {column} FROM {table} WHERE rowid IN (SELECT rowid FROM {table}_fts WHERE {table}_fts MATCH ?)"
    found = [row[0] for row in database.execute(select, [words])]
    assert found
    assert all(expected in text for text in found)


def test_values_sqlite_spells_otherwise(atlas: Path, site: Path) -> None:
    with open_atlas(atlas) as opened, opened.transaction():
        opened.duckdb.execute("UPDATE bos_activation SET activation = 0.1 WHERE sae = 0")
        opened.duckdb.execute("UPDATE feature_corpus SET skewness = NULL WHERE sae = 0")
        opened.duckdb.execute("UPDATE vocabulary SET text = 'a' || chr(0) || 'b' WHERE token_id = 1")
        spelled = json.dumps([["\0", 1.0], ["a\0\0", 0.5], ["\\u0000", 0.4], ["\\\0", 0.3]])
        opened.duckdb.execute("UPDATE feature SET top_logits = ?", [spelled])
    with closing(open_database(publish(atlas, site))) as database:
        one = {
            "SELECT DISTINCT activation FROM bos_activation WHERE sae = 0": 0.1,
            "SELECT DISTINCT skewness FROM feature_corpus WHERE sae = 0": None,
            "SELECT text FROM vocabulary WHERE token_id = 1": "a␀b",
            "SELECT DISTINCT top_logits ->> '$[0][0]' FROM feature": "␀",
            "SELECT DISTINCT top_logits ->> '$[1][0]' FROM feature": "a␀␀",
            "SELECT DISTINCT top_logits ->> '$[2][0]' FROM feature": "\\u0000",
            "SELECT DISTINCT top_logits ->> '$[3][0]' FROM feature": "\\␀",
            "SELECT DISTINCT typeof(study_kept) FROM feature_contrast": "integer",
            "SELECT started_at FROM ingest_run WHERE ingest_run = 1": "2026-01-06 08:00:00.25",
            "SELECT json_extract(positive, '$[0]') FROM contrast": "notes/medical",
            "SELECT label FROM sae WHERE sae = 1": "tiny/blocks.2.hook_resid_pre",
        }
        for select, value in one.items():
            assert database.execute(select).fetchall() == [(value,)], select


def test_the_site_names_its_current_snapshot(published: tuple[Path, Outcome]) -> None:
    atlas, outcome = published
    site = outcome.folder.parent.parent
    current = json.loads((site / "current.json").read_text())
    assert outcome.changed
    assert current["snapshot"] == outcome.folder.name
    assert current["atlas"] == atlas.name
    assert current["schema_version"] == VERSION
    assert {path.name for path in site.iterdir()} == {"current.json", "snapshots", ".lock"}


def test_an_unchanged_atlas_changes_nothing(atlas: Path, site_copy: Path) -> None:
    first = publish(atlas, site_copy)
    before = {path: path.stat().st_mtime_ns for path in site_copy.rglob("*")}
    second = publish(atlas, site_copy)
    assert not second.changed
    assert second.publication == first.publication
    assert {path: path.stat().st_mtime_ns for path in site_copy.rglob("*")} == before


def test_a_run_that_changed_nothing_is_not_worth_a_snapshot(atlas: Path, site_copy: Path) -> None:
    publish(atlas, site_copy)
    with open_atlas(atlas) as opened, opened.transaction():
        opened.duckdb.execute("UPDATE ingest_run SET tokens_per_second = 1.0")
    assert not publish(atlas, site_copy).changed


def test_old_snapshots_are_removed(atlas: Path, site: Path) -> None:
    names = []
    for number in range(KEPT_SNAPSHOTS + 2):
        change(atlas, number)
        names.append(publish(atlas, site).publication.snapshot)
    assert snapshots(site) == names[-KEPT_SNAPSHOTS:]


def test_a_lost_snapshot_is_published_again(atlas: Path, site_copy: Path) -> None:
    first = publish(atlas, site_copy)
    first.folder.rename(site_copy.parent / "elsewhere")
    assert read_current(site_copy) is None
    assert publish(atlas, site_copy).changed


@pytest.mark.parametrize("call", [1, 9, 10, 11])
def test_a_killed_publish_leaves_a_whole_snapshot_and_nothing_for_the_next(
    call: int, atlas: Path, site_copy: Path
) -> None:
    first = publish(atlas, site_copy)
    change(atlas)
    command = [sys.executable, "-c", KILLED, str(atlas), str(site_copy), str(call)]
    killed = subprocess.run(command, check=False, cwd=Path(__file__).resolve().parents[3])
    assert killed.returncode == -signal.SIGKILL
    current = read_current(site_copy)
    assert current is not None
    with closing(sqlite3.connect(site_copy / "snapshots" / current.snapshot / "atlas.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    last = publish(atlas, site_copy)
    assert snapshots(site_copy) == sorted({first.folder.name, last.folder.name})
    assert {path.name for path in site_copy.iterdir()} == {"current.json", "snapshots", ".lock"}


def test_a_second_publisher_is_refused(atlas: Path, site: Path) -> None:
    with hold_site(site), pytest.raises(AtlasLockedError, match="another process is publishing"):
        publish(atlas, site)
    assert publish(atlas, site).changed


def test_a_second_publisher_waits_as_long_as_it_is_told(atlas: Path, site: Path) -> None:
    held = ExitStack()
    held.enter_context(hold_site(site))
    ending = threading.Timer(0.5, held.close)
    ending.start()
    with declare_writer("atlas publish", wait=PATIENCE_SECONDS):
        assert publish(atlas, site).changed
    ending.join()


def test_a_failed_publish_leaves_nothing(atlas: Path, site: Path) -> None:
    with open_atlas(atlas) as opened, opened.transaction():
        opened.duckdb.execute("INSERT INTO feature_histogram SELECT * FROM feature_histogram")
    with pytest.raises(AtlasDamagedError, match="atlas verify"):
        publish(atlas, site)
    assert snapshots(site) == []
    assert {path.name for path in site.iterdir()} == {"snapshots", ".lock"}


def test_foreign_folders_are_left_alone(atlas: Path, site: Path) -> None:
    (site / "snapshots" / "mine").mkdir(parents=True)
    names = []
    for number in range(2):
        change(atlas, number)
        names.append(publish(atlas, site, keep=1).publication.snapshot)
    assert snapshots(site) == [names[-1], "mine"]


def test_what_cannot_be_published(tmp_path: Path, atlas: Path, site: Path) -> None:
    with pytest.raises(AtlasMissingError):
        publish(tmp_path / "missing.duckdb", site)
    with pytest.raises(AtlasError, match="choose another folder"):
        publish(atlas, atlas)
    publish(atlas, site)
    (site / "current.json").write_text("{")
    with pytest.raises(AtlasError, match="damaged"):
        publish(atlas, site)


def test_an_empty_atlas_is_published_too(tmp_path: Path, site: Path) -> None:
    with open_atlas(tmp_path / "empty.duckdb", create=True) as opened:
        assert isinstance(opened, Atlas)
    assert publish(tmp_path / "empty.duckdb", site).changed


def test_the_command_says_what_it_did(atlas: Path, site: Path) -> None:
    first = CliRunner().invoke(cli, ["publish", str(atlas), str(site)])
    assert first.exit_code == 0, first.output
    assert f"atlas serve {site}" in first.output
    second = CliRunner().invoke(cli, ["publish", str(atlas), str(site)])
    assert "nothing changed since" in second.output
