"""The file of lists: what is put in is there, whoever else writes, and whatever kills a writer."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from atlas.cli.main import cli
from atlas.site.lists.feature_list import (
    LONGEST_NAME,
    LONGEST_NOTE,
    MOST_LISTS,
    Listed,
    ListError,
    kept_note,
    list_name,
)
from atlas.site.lists.kept_lists import KeptLists, kept_lists, kept_origin
from atlas.site.lists.store import FILE, MOST_PAGES, FeatureLists
from schema import AtlasError, SelectionError, SourceError

ROOT = Path(__file__).resolve().parents[4]
WRITER = """
import sys
from pathlib import Path
from atlas.site.lists.feature_list import Listed
from atlas.site.lists.store import FeatureLists
lists = FeatureLists.open(Path(sys.argv[1]))
for feature in range(int(sys.argv[2]), int(sys.argv[2]) + int(sys.argv[3])):
    lists.put("shared", Listed("r", "s", feature, "n" * 500))
    print(feature, flush=True)
"""


@pytest.fixture
def lists(tmp_path: Path) -> FeatureLists:
    return FeatureLists.open(tmp_path / FILE)


def writer(path: Path, first: int, count: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WRITER, str(path), str(first), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)


def test_what_is_put_in_is_there_for_whoever_opens_the_file(lists: FeatureLists) -> None:
    assert lists.create("  To   look at ", "first\r\nlines") == "To look at"
    lists.put("to look at", Listed("r", "s", 3, "a note", "hash"))
    lists.put("To look at", Listed("r", "s", 3, "a better note"))
    lists.put("To look at", Listed("r", "t", 3))
    again = FeatureLists.open(lists.path)
    summary, features = again.read("TO LOOK AT")
    assert (summary.name, summary.description, summary.features) == ("To look at", "first\nlines", 2)
    assert [(each.sae_id, each.feature, each.note, each.weights_sha256) for each in features] == [
        ("s", 3, "a better note", "hash"),
        ("t", 3, "", ""),
    ]
    assert again.holding("r", "s", 3) == [("To look at", "a better note")]
    assert again.holding("r", "s", 4) == []
    again.put("To look at", Listed("r", "s", 3, "of other weights", "other"))
    assert {each.weights_sha256 for each in again.read("to look at")[1]} == {"other", ""}
    assert again.secret == lists.secret
    assert len(lists.secret) >= 32


def test_lists_are_renamed_described_and_deleted_with_their_notes(lists: FeatureLists) -> None:
    for name in ("one", "two"):
        lists.create(name)
        lists.put(name, Listed("r", "s", 1, name))
    assert lists.describe("one", "ONE", "now in capitals") == "ONE"
    lists.note("one", "r", "s", 1, "other")
    with pytest.raises(ListError, match="does not hold r/s#2 any more"):
        lists.note("one", "r", "s", 2, "other")
    with pytest.raises(ListError, match="there is a list 'two' already"):
        lists.describe("ONE", "two", "")
    assert lists.holding("r", "s", 1) == [("ONE", "other"), ("two", "two")]
    lists.remove("two", "r", "s", 1)
    lists.delete("one")
    assert lists.holding("r", "s", 1) == []
    assert [(each.name, each.features) for each in lists.summaries()] == [("two", 0)]
    with pytest.raises(ListError, match="there is no list 'one'"):
        lists.read("one")


@given(st.text(max_size=150))
def test_a_name_is_one_line_that_can_be_seen(text: str) -> None:
    try:
        name = list_name(text)
    except ListError:
        return
    assert name.isprintable()
    assert 0 < len(name) <= LONGEST_NAME
    assert list_name(name) == name


@given(st.text(max_size=300))
def test_a_note_keeps_its_lines(text: str) -> None:
    note = kept_note(text)
    assert all(each.isprintable() or each == "\n" for each in note)
    assert note.count("\n") == text.replace("\r\n", "\n").strip().count("\n")


def test_bounds_are_told(lists: FeatureLists) -> None:
    lists.create("a")
    for wrong, message in (("", "needs a name"), ("x" * 101, "at most 100"), ("a\u202eb", "cannot be seen")):
        with pytest.raises(ListError, match=message):
            lists.create(wrong)
    with pytest.raises(ListError, match="at most 2,000"):
        lists.put("a", Listed("r", "s", 0, "x" * (LONGEST_NOTE + 1)))
    with closing(sqlite3.connect(lists.path)) as file:
        file.executemany(
            "INSERT INTO list (name, description, changed_at) VALUES (?, '', '')",
            [(f"l{number}",) for number in range(MOST_LISTS)],
        )
        file.commit()
    with pytest.raises(ListError, match="there are 1,000 lists; delete one first"):
        lists.create("one more")
    with lists._connected() as file:
        assert file.execute("PRAGMA max_page_count").fetchone() == (MOST_PAGES,)


def test_lists_go_out_and_in_again_by_the_command_line(lists: FeatureLists, tmp_path: Path) -> None:
    lists.create("mine")
    lists.put("mine", Listed("r", "s", 3, "one,\ntwo"), Listed("r", "s", 4))
    site = str(lists.path.parent)

    def run(*arguments: object) -> str:
        ended = CliRunner().invoke(cli, ["lists", *map(str, arguments)])
        if ended.exception is not None:
            raise ended.exception
        return ended.stdout

    assert "mine" in run(site)
    exported = tmp_path / "mine.csv"
    exported.write_text(run(site, "mine", "--format", "csv"), encoding="utf-8")
    (tmp_path / "other").mkdir()
    run(tmp_path / "other", "Theirs", "--from", exported)
    told = FeatureLists.open(tmp_path / "other" / FILE).read("theirs")[1]
    assert [(each.feature, each.note) for each in told] == [(3, "one,\ntwo"), (4, "")]
    exported.write_text("release,sae_id,feature,note\nr,s,1,\nr,s,x,\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"mine\.csv:3 names no feature"):
        run(tmp_path / "other", "theirs", "--from", exported)
    assert len(FeatureLists.open(tmp_path / "other" / FILE).read("theirs")[1]) == 2
    with pytest.raises(SelectionError, match="has no lists; keep some"):
        run(tmp_path / "nowhere")


def test_another_file_is_not_touched(tmp_path: Path) -> None:
    text, database = tmp_path / "a.db", tmp_path / "b.db"
    text.write_text("no database at all, but a text that somebody keeps here\n" * 30)
    with closing(sqlite3.connect(database)) as file:
        file.execute("CREATE TABLE mine (x)")
    for path in (text, database):
        before = path.read_bytes()
        with pytest.raises(ListError, match="is no file of lists; move it away"):
            FeatureLists.open(path)
        assert path.read_bytes() == before
    FeatureLists.open(tmp_path / "c.db")
    with closing(sqlite3.connect(tmp_path / "c.db")) as file:
        file.execute("PRAGMA user_version = 99")
    with pytest.raises(ListError, match="newer version; update feature-atlas"):
        FeatureLists.open(tmp_path / "c.db")
    with pytest.raises(ListError, match="cannot be used"):
        FeatureLists.open(tmp_path / "nowhere" / "d.db")


def test_two_writers_one_of_them_killed_leave_a_valid_file_that_has_what_they_said(lists: FeatureLists) -> None:
    lists.create("shared")
    killed, other = writer(lists.path, 0, 900), writer(lists.path, 1000, 20)
    assert killed.stdout is not None
    said = [killed.stdout.readline()]
    os.kill(killed.pid, signal.SIGKILL)
    said += killed.communicate()[0].split() + other.communicate()[0].split()
    assert (killed.returncode, other.returncode) == (-signal.SIGKILL, 0)
    with closing(sqlite3.connect(lists.path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    kept = {each.feature for each in FeatureLists.open(lists.path).read("shared")[1]}
    assert {int(each) for each in said} <= kept
    assert set(range(1000, 1020)) <= kept
    assert len([feature for feature in kept if feature < 1000]) < 900


@pytest.mark.parametrize(
    ("origin", "host", "taken"),
    [
        ("http://127.0.0.1:8001", "127.0.0.1:8001", True),
        ("http://localhost", "localhost", True),
        ("http://[::1]:8001", "[::1]:8001", True),
        ("http://atlas.lan:8001", "atlas.lan:8001", True),
        ("https://atlas.example", "127.0.0.1:8001", True),
        ("http://atlas.example", "127.0.0.1:8001", False),
        ("http://127.0.0.1:8001", "127.0.0.1:9000", False),
        ("http://evil.example:8001", "evil.example:8001", False),
        ("http://localhost.evil.example", "localhost.evil.example", False),
        ("http://localhost@evil.example", "localhost@evil.example", False),
        ("file://localhost", "localhost", False),
        ("null", "null", False),
        ("", "", False),
        ("http://[", "[", False),
    ],
)
def test_forms_are_taken_from_own_pages_alone(origin: str, host: str, taken: bool, lists: FeatureLists) -> None:
    kept = kept_lists(lists, "Atlas.lan", ["https://atlas.example:443/"])
    assert kept.takes(origin, host) == taken


def test_an_origin_is_a_scheme_and_a_name(lists: FeatureLists) -> None:
    assert kept_origin("HTTP://Atlas.Example:8001/") == "http://atlas.example:8001"
    for wrong in ("atlas.example", "ftp://atlas.example", "https://", "https://a/path", "https://a:x", "http://["):
        with pytest.raises(AtlasError, match="is no origin"):
            kept_origin(wrong)
    assert kept_lists(lists, "0.0.0.0", []).hosts == KeptLists(lists).hosts
