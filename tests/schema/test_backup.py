"""Keeping an atlas: copies taken while it is written, files written anew without holes, older files kept."""

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from atlas.cli import files
from schema import AtlasDamagedError, AtlasFileError, AtlasLockedError, AtlasMissingError, open_atlas
from schema.backup import backup
from schema.compaction import compact
from schema.gate import changing, hold_atlas_still
from schema.migrations import VERSION
from schema.verify import verify
from tests.faults.disks import ROOMY, can_mount, disk
from tests.faults.rows import contents, leftovers
from tests.made.older_atlas import build_older_atlas
from tests.made.patience import PATIENCE_SECONDS
from tests.made.permissions import without_privileges
from tests.schema.test_migrations import declared
from tests.temporary_files import small_blocks

ROOT = Path(__file__).resolve().parents[2]
PAIR = """
    INSERT INTO ingest_run BY NAME
    SELECT * REPLACE (
      (SELECT max(ingest_run) FROM ingest_run) + 1 AS ingest_run,
      to_json(list_transform(range(30000), lambda x: hash(x + {round}))) AS arguments
    )
    FROM ingest_run
    WHERE ingest_run = 0
"""
WRITER = f"""
import os, sys
from schema import open_atlas
for round in range(10**6):
    with open_atlas(sys.argv[1]) as atlas:
        for _ in range(12):
            with atlas.transaction():
                for _ in range(2):
                    atlas.rows('''{PAIR}'''.format(round=round))
            os.write(1, b"%d\\n" % atlas.rows("SELECT COUNT(*) FROM ingest_run")[0][0])
"""
"""Two rows of half a megabyte a transaction: a checkpoint every few of them, and another when the file is closed."""


@pytest.fixture
def atlas(tiny_copy: Path) -> Path:
    return tiny_copy


@pytest.fixture(scope="module")
def older_built(tiny_built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of version 1, with rows; to be copied."""
    path = tmp_path_factory.mktemp("older") / "old.duckdb"
    build_older_atlas(tiny_built, small_blocks(path), version=1)
    return path


@pytest.fixture
def older(older_built: Path, tmp_path: Path) -> Path:
    """A copy of the file of version 1, in a folder of its own."""
    (tmp_path / "older").mkdir()
    return Path(shutil.copy(older_built, tmp_path / "older"))


def holds(path: Path) -> bool:
    with open_atlas(path, read_only=True) as opened:
        return not any(finding.violations for finding in verify(opened))


def rows_of(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of a file of any version, in the order of the file."""
    with duckdb.connect(str(path), read_only=True) as file:
        names = [name for (name,) in file.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()]
        return {name: file.execute(f"FROM {name}").fetchall() for name in names}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# Backups


def test_a_copy_holds_the_same_and_can_be_used(atlas: Path, tmp_path: Path) -> None:
    done = backup(atlas, tmp_path / "copy.duckdb")
    assert rows_of(tmp_path / "copy.duckdb") == rows_of(atlas)
    assert declared(tmp_path / "copy.duckdb") == declared(atlas)
    assert (done.rows, done.size) == (sum(map(len, rows_of(atlas).values())), done.path.stat().st_size)
    assert names(tmp_path) == {"atlas.duckdb", "copy.duckdb"}
    with open_atlas(tmp_path / "copy.duckdb") as restored, restored.transaction():
        restored.rows("INSERT INTO corpus VALUES (9, 'new', 'general')")
    assert holds(tmp_path / "copy.duckdb")


def test_a_write_protected_atlas_is_copied_and_so_is_its_mode(atlas: Path, open_folder: Path) -> None:
    path, copy = Path(shutil.copy(atlas, open_folder / "atlas.duckdb")), open_folder / "copy.duckdb"
    path.chmod(0o444)
    with without_privileges():
        backup(path, copy)
    assert copy.stat().st_mode & 0o777 == 0o444
    assert rows_of(copy) == rows_of(atlas)
    assert names(open_folder) == {"atlas.duckdb", "copy.duckdb"}


def test_a_copy_is_made_while_another_process_writes_and_is_killed(atlas: Path, tmp_path: Path) -> None:
    counts, before = [], len(rows_of(atlas)["ingest_run"])
    for attempt in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(atlas)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            for number in range(3):
                committed = int(writer.stdout.readline())
                copy = tmp_path / f"{attempt}-{number}.duckdb"
                backup(atlas, copy)
                with duckdb.connect(str(copy), read_only=True) as file:
                    counts.append(file.execute("SELECT COUNT(*), MAX(ingest_run) FROM ingest_run").fetchone() or ())
                assert counts[-1][0] >= committed
                copy.unlink()
            os.kill(writer.pid, signal.SIGKILL)
        backup(atlas, tmp_path / "after.duckdb", force=True)
        assert rows_of(tmp_path / "after.duckdb")["ingest_run"] == rows_of(atlas)["ingest_run"]
    assert all((count - before) % 2 == 0 and last == count - 1 for count, last in counts)  # whole transactions alone
    assert len(set(counts)) > 2
    assert counts == sorted(counts)
    assert holds(atlas)


def test_a_copier_waits_for_one_transaction_alone(atlas: Path, tmp_path: Path) -> None:
    """The writer's transactions follow each other closely; none begins while a copier waits."""
    code = f"import sys; from schema.backup import backup; backup({str(atlas)!r}, {str(tmp_path / 'c.duckdb')!r})"
    with open_atlas(atlas) as opened, opened.transaction():
        copier = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
        while not (tmp_path / "atlas.duckdb.copying").exists():
            assert copier.poll() is None
        opened.rows("INSERT INTO corpus VALUES (9, 'new', 'general')")
    with changing(atlas):  # the next one: had only once the copy is taken
        assert (tmp_path / ".c.duckdb.unfinished" / "c.duckdb").exists() or copier.wait() == 0
    assert copier.wait() == 0
    assert (9, "new", "general") in rows_of(tmp_path / "c.duckdb")["corpus"]


def test_what_killed_processes_left_hinders_nobody(atlas: Path, tmp_path: Path) -> None:
    for name in ("atlas.duckdb.changing", "atlas.duckdb.copying", ".copy.duckdb.lock"):
        (tmp_path / name).touch()
    unfinished = tmp_path / ".copy.duckdb.unfinished"
    unfinished.mkdir()
    (unfinished / "copy.duckdb").write_bytes(b"half")
    backup(atlas, tmp_path / "copy.duckdb")
    assert rows_of(tmp_path / "copy.duckdb") == rows_of(atlas)
    assert leftovers(tmp_path) == []


def test_what_cannot_be_cleared_away_is_named(atlas: Path, tmp_path: Path) -> None:
    (tmp_path / ".copy.duckdb.unfinished").touch()
    with pytest.raises(AtlasFileError, match=r"\.copy\.duckdb\.unfinished is in the way, .* delete it"):
        backup(atlas, tmp_path / "copy.duckdb")


def test_what_another_user_left_hinders_nobody(atlas: Path, open_folder: Path) -> None:
    path = Path(shutil.copy(atlas, open_folder / "atlas.duckdb"))
    path.chmod(0o666)
    for name in ("atlas.duckdb.changing", "atlas.duckdb.copying"):
        (open_folder / name).touch()
        (open_folder / name).chmod(0o444)
    with without_privileges():
        open_atlas(path).close()
        with hold_atlas_still(path):
            assert {"atlas.duckdb.changing", "atlas.duckdb.copying"} < names(open_folder)
    assert names(open_folder) == {"atlas.duckdb"}


def test_a_lock_file_that_cannot_be_made_is_named(atlas: Path, open_folder: Path) -> None:
    path = Path(shutil.copy(atlas, open_folder / "atlas.duckdb"))
    path.chmod(0o666)
    open_folder.chmod(0o555)
    with (
        without_privileges(),
        pytest.raises(AtlasFileError, match=r"atlas\.duckdb\.changing: Permission denied; see to"),
    ):
        open_atlas(path)


def test_a_lock_may_be_nested_and_ends_with_its_block(atlas: Path) -> None:
    with changing(atlas):
        with changing(atlas.parent / "." / atlas.name):
            pass
        assert "atlas.duckdb.changing" in names(atlas.parent)
    with hold_atlas_still(atlas):
        assert {"atlas.duckdb.changing", "atlas.duckdb.copying"} < names(atlas.parent)
    assert names(atlas.parent) == {"atlas.duckdb"}


def test_what_an_abandoned_writer_left_locked_is_given_back_by_the_next(atlas: Path) -> None:
    abandoned = changing(atlas)
    abandoned.__enter__()
    del abandoned  # as where a signal's exception comes between the lock and what was to be done under it
    with changing(atlas):
        assert "atlas.duckdb.changing" in names(atlas.parent)
    assert names(atlas.parent) == {"atlas.duckdb"}
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: hold_atlas_still(atlas).__enter__()).result(timeout=PATIENCE_SECONDS)


def test_what_is_there_is_kept_unless_forced(atlas: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(b"mine")
    with pytest.raises(AtlasFileError, match=r"copy\.duckdb exists.*--force"):
        backup(atlas, copy)
    assert copy.read_bytes() == b"mine"
    backup(atlas, copy, force=True)
    assert holds(copy)


def test_places_that_are_refused(atlas: Path, tmp_path: Path) -> None:
    (tmp_path / "link.duckdb").symlink_to(atlas)
    (tmp_path / "used.duckdb.wal").touch()
    before = names(tmp_path)
    for place, words in {
        "atlas.duckdb": "is the atlas itself",
        "link.duckdb": "is the atlas itself",
        "": "is a folder",
        "nowhere/copy.duckdb": "does not exist; make the folder first",
        "used.duckdb": "would be taken for the log of the copy",
    }.items():
        with pytest.raises(AtlasFileError, match=words):
            backup(atlas, tmp_path / place, force=True)
    with pytest.raises(AtlasMissingError):
        backup(tmp_path / "missing.duckdb", tmp_path / "copy.duckdb")
    with open_atlas(atlas), pytest.raises(AtlasFileError, match="open in this very process"):
        backup(atlas, tmp_path / "copy.duckdb")
    assert names(tmp_path) == before


def test_a_broken_atlas_takes_no_good_copys_place(atlas: Path, tmp_path: Path) -> None:
    backup(atlas, tmp_path / "copy.duckdb")
    good = (tmp_path / "copy.duckdb").read_bytes()
    with duckdb.connect(str(atlas)) as file:
        file.execute("DELETE FROM context WHERE context = 0")
    with pytest.raises(AtlasDamagedError, match="every row that is pointed to exists"):
        backup(atlas, tmp_path / "copy.duckdb", force=True)
    assert (tmp_path / "copy.duckdb").read_bytes() == good
    assert names(tmp_path) == {"atlas.duckdb", "copy.duckdb"}


def test_damage_on_disk_is_found_while_it_is_copied(tmp_path: Path, atlas: Path) -> None:
    data = bytearray(atlas.read_bytes())
    place = data.index(b"Tuberculosis causes")
    data[place : place + 4] = b"tube"
    atlas.write_bytes(data)
    with pytest.raises(AtlasFileError, match="nothing is left of it"):
        backup(atlas, tmp_path / "copy.duckdb")
    assert names(tmp_path) == {"atlas.duckdb"}


CHANGED_MEANWHILE = """
import os, sys
from schema import AtlasLockedError
from schema.backup import backup

def change(event, arguments):
    if event == "shutil.copyfile":
        os.utime(sys.argv[1])

sys.addaudithook(change)
try:
    backup(sys.argv[1], sys.argv[2])
except AtlasLockedError as error:
    print(error)
"""
"""A copy during which the atlas changes: Python tells a hook whenever it begins to copy a file."""


def test_a_program_that_does_not_wait_is_noticed(atlas: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", CHANGED_MEANWHILE, str(atlas), str(tmp_path / "copy.duckdb")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "is being changed by a program that waits for no copy" in done.stdout
    assert names(tmp_path) == {"atlas.duckdb"}


def test_an_older_file_is_copied_as_it_is(older: Path, tmp_path: Path) -> None:
    backup(older, tmp_path / "copy.duckdb")
    assert rows_of(tmp_path / "copy.duckdb") == rows_of(older)


def test_the_command_says_what_it_did(atlas: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(files.backup, [str(atlas), str(tmp_path / "copy.duckdb")])
    assert done.output.startswith(f"{tmp_path / 'copy.duckdb'}: ")
    assert done.output.endswith(" MB, read back and checked\n")


# Compaction


@pytest.fixture(scope="module")
def holed_built(tiny_built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with holes, of many rows that were written and taken out again with others behind them; to be copied."""
    path = Path(shutil.copy(tiny_built, tmp_path_factory.mktemp("holed")))
    with open_atlas(path) as opened:
        with opened.transaction():
            opened.rows("INSERT INTO activation SELECT 0, 0, 0, 1, hash(i) FROM range(1, 4000000) AS t(i)")
        opened.rows("CHECKPOINT")
        with opened.transaction():
            for _ in range(40):
                opened.rows(PAIR.format(round="random() * 1000000"))
        opened.rows("CHECKPOINT")
        with opened.transaction():
            opened.rows("DELETE FROM activation WHERE activation > 1000000")
    return path


@pytest.fixture
def holed(holed_built: Path, tmp_path: Path) -> Path:
    """A copy of the file with holes."""
    return Path(shutil.copy(holed_built, tmp_path / "atlas.duckdb"))


def test_compaction_gives_room_back_and_changes_nothing_else(holed: Path, tiny_built: Path) -> None:
    atlas, size = holed, holed.stat().st_size
    rows, tables = rows_of(atlas), declared(atlas)
    assert len(rows["activation"]) == len(rows_of(tiny_built)["activation"])
    atlas.chmod(0o640)
    done = compact(atlas)
    assert done.before == size > done.after + 8_000_000
    assert done.after == atlas.stat().st_size
    assert (rows_of(atlas), declared(atlas)) == (rows, tables)
    assert atlas.stat().st_mode & 0o777 == 0o640
    assert names(atlas.parent) == {"atlas.duckdb"}


def test_compaction_through_a_link_keeps_the_link(holed: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link.duckdb"
    link.parent.mkdir()
    link.symlink_to(holed)
    assert compact(link).after == holed.stat().st_size
    assert link.is_symlink()
    assert names(link.parent) == {"link.duckdb"}
    assert holds(holed)


def test_what_was_not_checkpointed_is_in_the_new_file(holed: Path, tmp_path: Path) -> None:
    """A killed writer leaves rows in the log alone."""
    code = f"""
import os
from schema import open_atlas
atlas = open_atlas({str(holed)!r})
with atlas.transaction():
    atlas.rows("INSERT INTO corpus VALUES (9, 'new', 'general')")
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert (tmp_path / "atlas.duckdb.wal").exists()
    compact(holed)
    assert (9, "new", "general") in rows_of(holed)["corpus"]
    assert names(tmp_path) == {"atlas.duckdb"}


def test_a_second_compaction_has_nothing_to_give(holed: Path) -> None:
    runner = CliRunner()
    assert " before, " in runner.invoke(files.compact, [str(holed)]).output
    before = holed.stat().st_size
    assert "none can be given back" in runner.invoke(files.compact, [str(holed)]).output
    assert holed.stat().st_size == before


def test_an_atlas_in_use_is_not_compacted(atlas: Path, tmp_path: Path) -> None:
    code = (
        f"import sys; from schema import open_atlas; a = open_atlas({str(atlas)!r}); print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(AtlasLockedError):
            compact(atlas)
        holder.communicate("\n")
    assert holds(atlas)


# Older files


def test_an_older_file_is_kept_before_it_is_migrated(older: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = rows_of(older)
    tables = declared(older)
    open_atlas(older).close()
    kept = older.with_name("old.v1.duckdb")
    assert (rows_of(kept), declared(kept)) == (before, tables)
    assert [record.getMessage() for record in caplog.records] == [
        f"{older} had schema version 1 and is brought to {VERSION}; as it was: {kept}",
        f"{older}: what an older method computed is left out; to have it again: atlas contrast",
    ]
    after = contents(older)
    assert [tuple(row) for row in after["corpus"]] == before["corpus"]
    assert holds(older)
    assert names(older.parent) == {"old.duckdb", "old.v1.duckdb"}


def test_a_kept_file_is_never_overwritten(older: Path) -> None:
    older.with_name("old.v1.duckdb").write_bytes(b"mine")
    open_atlas(older).close()
    assert older.with_name("old.v1.duckdb").read_bytes() == b"mine"
    assert "document" in rows_of(older.with_name("old.v1-2.duckdb"))


def test_a_new_file_is_not_kept(tmp_path: Path) -> None:
    open_atlas(tmp_path / "a.duckdb", create=True).close()
    open_atlas(tmp_path / "a.duckdb").close()
    assert names(tmp_path) == {"a.duckdb"}


def test_a_file_whose_making_was_cut_short_is_not_kept(tmp_path: Path) -> None:
    open_atlas(tmp_path / "whole.duckdb", create=True).close()
    build_older_atlas(tmp_path / "whole.duckdb", tmp_path / "cut.duckdb", version=1)
    (tmp_path / "whole.duckdb").unlink()
    open_atlas(tmp_path / "cut.duckdb").close()
    assert names(tmp_path) == {"cut.duckdb"}


@pytest.mark.parametrize("act", ["migrate", "backup", "compact"])
def test_a_full_disk_leaves_everything_as_it_was(
    act: str, older: Path, atlas: Path, holed_built: Path, tmp_path: Path
) -> None:
    if not can_mount(tmp_path / "try"):
        pytest.skip("no disk can be mounted here")
    with disk(tmp_path / "small", ROOMY) as small:
        path = small.path / "atlas.duckdb"
        begun = {"migrate": older, "backup": atlas, "compact": holed_built}[act]
        shutil.copy(begun, path)
        before = path.read_bytes()
        small.remount(f"size={shutil.disk_usage(small.path).used + 300_000}")
        with pytest.raises(AtlasFileError) as caught:
            {
                "migrate": lambda: open_atlas(path).close(),
                "backup": lambda: backup(path, small.path / "copy.duckdb"),
                "compact": lambda: compact(path),
            }[act]()
        assert "\n" not in str(caught.value)
        assert rows_of(path) == rows_of(begun)
        assert (path.read_bytes() == before) or act == "compact"
        assert names(small.path) == {"atlas.duckdb"}


def test_a_folder_whose_name_is_not_utf8_takes_what_is_named_from_within(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xe9p"))
    folder.mkdir()
    monkeypatch.chdir(folder)
    open_atlas("a.duckdb", create=True).close()
    open_atlas("../a.duckdb", create=True).close()
    assert backup("../a.duckdb", "../b.duckdb").path == tmp_path / "b.duckdb"
    for refused in (lambda: backup("../a.duckdb", "b.duckdb"), lambda: open_atlas(folder / "a.duckdb")):
        with pytest.raises(AtlasFileError, match=r"d\\xe9p/[ab].duckdb: its name is not UTF-8"):
            refused()
    assert sorted(tmp_path.glob("*.duckdb")) == [tmp_path / "a.duckdb", tmp_path / "b.duckdb"]
