"""A drop folder as a source: what is read, what is left for the next time, and that names cost nothing."""

import gzip
import io
import itertools
import json
import os
import time
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from ingest.sources import Document, Skipped, read_documents, source_stem
from ingest.sources.drop_folder import QUIET_SECONDS
from schema.errors import SourceError

OK = b'{"text": "fine"}\n'


def drop(path: Path, data: bytes, age: float = 60) -> Path:
    """Write a file as if that many seconds ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (time.time() - age,) * 2)
    return path


def read(folder: Path) -> tuple[list[str], dict[str, str]]:
    """The texts of a folder, and why which of its files were left."""
    outcomes = list(read_documents(f"{folder}/"))
    texts = [outcome.text for outcome in outcomes if isinstance(outcome, Document)]
    left = [outcome for outcome in outcomes if isinstance(outcome, Skipped)]
    return texts, {str(Path(skipped.where).relative_to(folder)): skipped.reason for skipped in left}


def parquet(*texts: str) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": list(texts)}), sink)
    return sink.getvalue()


def test_every_supported_file_is_read_in_the_order_of_its_name(tmp_path: Path) -> None:
    drop(tmp_path / "b.jsonl.gz", gzip.compress(b'{"text": "b"}\n'))
    drop(tmp_path / "a.txt", b"\xef\xbb\xbfa\n")
    drop(tmp_path / "c.csv.zst", zstandard.ZstdCompressor().compress(b"text\nc\n"))
    drop(tmp_path / "d.parquet", parquet("d"))
    drop(tmp_path / "in" / "e.txt", b"e\n")
    assert read(tmp_path) == (["a", "b", "c", "d", "e"], {})
    (first, *_, last) = read_documents(f"{tmp_path}/")
    assert isinstance(first, Document)
    assert isinstance(last, Document)
    assert (first.external_id, last.external_id) == ("a.txt:1", "in/e.txt:1")


@pytest.mark.parametrize("name", [".a.txt", "a.txt~", "a.txt.swp", ".in/a.txt", ".a.txt.part"])
def test_hidden_names_and_what_editors_leave_are_passed_over(tmp_path: Path, name: str) -> None:
    drop(tmp_path / name, b"no\n")
    drop(tmp_path / "b.txt", b"yes\n")
    assert read(tmp_path) == (["yes"], {})


@pytest.mark.parametrize("name", ["a.txt.tmp", "a.jsonl.part", "a.csv.crdownload", "in.part/a.txt", "in/a.PARTIAL"])
def test_an_unfinished_copy_is_left_and_named(tmp_path: Path, name: str) -> None:
    drop(tmp_path / name, b"no\n")
    drop(tmp_path / "b.txt", b"yes\n")
    named = "in.part" if name.startswith("in.part") else name
    assert read(tmp_path) == (["yes"], {named: "an unfinished copy; left for the next time"})


def test_a_file_of_another_kind_is_named_and_stops_nothing(tmp_path: Path) -> None:
    drop(tmp_path / "README.md", b"no\n")
    drop(tmp_path / "empty.txt", b"")
    os.mkfifo(tmp_path / "pipe.txt")
    drop(tmp_path / "z.txt", b"yes\n")
    (tmp_path / "gone.txt").symlink_to("nowhere")
    texts, left = read(tmp_path)
    assert texts == ["yes"]
    assert {name: reason.split(";")[0].split(" (")[0] for name, reason in left.items()} == {
        "README.md": "unknown format '.md'",
        "empty.txt": "there is no document in it",
        "gone.txt": "it cannot be reached",
        "pipe.txt": "it is no regular file",
    }


def test_a_file_that_is_being_written_is_left_until_it_is_quiet(tmp_path: Path) -> None:
    drop(tmp_path / "a.txt", b"one\n", age=QUIET_SECONDS / 2)
    drop(tmp_path / "b.txt", b"two\n")
    texts, left = read(tmp_path)
    assert texts == ["two"]
    assert left["a.txt"].endswith("left for the next time")
    drop(tmp_path / "a.txt", b"one\nand more\n")
    assert read(tmp_path) == (["one", "and more", "two"], {})


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("a.jsonl.gz", gzip.compress(OK * 9_000)),
        ("a.txt.zst", zstandard.ZstdCompressor().compress(OK * 9_000)),
        ("a.parquet", parquet("one", "two")),
        ("a.jsonl", OK * 9),
    ],
)
def test_a_half_written_file_gives_nothing_until_it_is_whole(tmp_path: Path, name: str, whole: bytes) -> None:
    drop(tmp_path / name, whole[:-5])
    texts, left = read(tmp_path)
    assert texts == []
    assert "ends early" in left[name]
    drop(tmp_path / name, whole)
    texts, left = read(tmp_path)
    assert texts
    assert left == {}


def test_a_file_that_grows_while_it_is_read_gives_its_whole_lines_only(tmp_path: Path) -> None:
    path = drop(tmp_path / "a.txt", b"".join(b"line %d\n" % n for n in range(20_000)) + b"half of a l")
    outcomes = read_documents(f"{tmp_path}/")
    before = list(itertools.islice(outcomes, 3))
    with path.open("ab") as file:
        file.write(b"ine\n")
    *after, last = outcomes
    texts = [outcome.text for outcome in [*before, *after] if isinstance(outcome, Document)]
    assert texts == [f"line {n}" for n in range(20_000)]
    assert isinstance(last, Skipped)
    assert "changed while it was read" in last.reason


def test_a_broken_file_is_an_error_as_anywhere(tmp_path: Path) -> None:
    drop(tmp_path / "a.jsonl", OK + b"{\n" + OK)
    with pytest.raises(SourceError, match=r"a\.jsonl:2: not JSON.*--on-error skip"):
        read(tmp_path)
    assert len(list(read_documents(f"{tmp_path}/", on_error="skip"))) == 3


def test_rotation_renames_no_text(tmp_path: Path) -> None:
    drop(tmp_path / "log.jsonl.1", b'{"text": "old"}\n')
    drop(tmp_path / "log.jsonl", b'{"text": "new"}\n')
    before, _ = read(tmp_path)
    drop(tmp_path / "log.jsonl.2.gz", gzip.compress((tmp_path / "log.jsonl.1").read_bytes()))
    (tmp_path / "log.jsonl").rename(tmp_path / "log.jsonl.1")
    after, left = read(tmp_path)
    assert (sorted(after), left) == (sorted(before), {})
    assert source_stem(f"{tmp_path}/log.jsonl.2.gz") == "log"


def test_linked_folders_are_entered_once_and_loops_end(tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    drop(folder / "new.txt", b"new\n")
    drop(tmp_path / "elsewhere" / "2024" / "old.txt", b"old\n")
    drop(tmp_path / "elsewhere" / "2024" / "more" / "older.txt", b"older\n")
    links = {"2024": "../elsewhere/2024", "again": "../elsewhere/2024/more", "here": ".", "up": ".."}
    for name, target in links.items():
        (folder / name).symlink_to(target)
    (tmp_path / "elsewhere" / "2024" / "back").symlink_to(folder)
    texts, left = read(folder)
    assert (sorted(texts), left) == (["new", "old", "older"], {})
    ids = [d.external_id for d in read_documents(f"{folder}/") if isinstance(d, Document)]
    assert ids == ["new.txt:1", "2024/old.txt:1", "again/older.txt:1"]


def test_a_linked_folder_that_is_away_is_named(tmp_path: Path) -> None:
    drop(tmp_path / "papers" / "new.txt", b"new\n")
    (tmp_path / "papers" / "2024").symlink_to("../elsewhere")
    assert read(tmp_path / "papers") == (["new"], {"2024": "unknown format ''"})


def test_names_that_are_not_utf8_are_shown_with_their_bytes(tmp_path: Path) -> None:
    drop(Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xe9p/caf\xe9.txt")), b"one\n")
    drop(Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xe9p/caf\xe9.md")), b"one\n")
    skipped, document = read_documents(f"{tmp_path}/")
    assert isinstance(document, Document)
    assert isinstance(skipped, Skipped)
    assert (document.external_id, skipped.where) == ("d\\xe9p/caf\\xe9.txt:1", f"{tmp_path}/d\\xe9p/caf\\xe9.md")


def test_an_empty_folder_gives_nothing_and_a_missing_one_is_refused(tmp_path: Path) -> None:
    assert read(tmp_path) == ([], {})
    with pytest.raises(SourceError, match="there is no such folder"):
        list(read_documents(f"{tmp_path}/nowhere/"))


def test_thousands_of_small_files_are_read_in_flat_memory(tmp_path: Path) -> None:
    for number in range(3_000):
        drop(tmp_path / f"{number:05}.jsonl", json.dumps({"text": f"{number} " + "x" * 3_000}).encode())
    tracemalloc.start()
    try:
        assert sum(isinstance(outcome, Document) for outcome in read_documents(f"{tmp_path}/")) == 3_000
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
