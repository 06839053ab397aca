"""Reading documents from text sources."""

import csv
import gzip
import io
import itertools
import json
import os
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ingest.sources
from ingest.sources import Document, Skipped, read_documents, source_stem
from schema.errors import SourceError

LIMIT = 10_000_000
OK = b'{"text": "fine"}\n'


def texts(source: str | Path, **options: str) -> list[str]:
    outcomes = list(read_documents(str(source), **options))  # type: ignore[arg-type]
    return [outcome.text if isinstance(outcome, Document) else f"skipped {outcome.where}" for outcome in outcomes]


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def parquet(**columns: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def refusal(source: str | Path) -> str:
    with pytest.raises(SourceError) as caught:
        list(read_documents(str(source)))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    def feed(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return feed


def test_the_public_names_are_these() -> None:
    assert ingest.sources.__all__ == ["Document", "Skipped", "read_documents", "source_place", "source_stem"]


# Documents


def test_a_text_file_gives_a_document_a_line(tmp_path: Path) -> None:
    path = write(tmp_path / "notes.txt", b"\xef\xbb\xbfone \r\n\r\n   \ntwo<|endoftext|>\rthree\nlast")
    assert list(read_documents(str(path), domain="notes")) == [
        Document("notes.txt:1", "one ", "notes", "notes.txt"),
        Document("notes.txt:4", "two<|endoftext|>\rthree", "notes", "notes.txt"),
        Document("notes.txt:5", "last", "notes", "notes.txt"),
    ]


def test_the_content_hash_is_blake2b_of_the_text() -> None:
    document = Document("a", "naïve", "general", "a")
    assert document.content_hash == blake2b("naïve".encode(), digest_size=16).hexdigest()


def test_a_json_line_gives_all_fields_and_others_are_ignored(tmp_path: Path) -> None:
    record = {
        "doc_id": 7,
        "text": "Gout hurts.",
        "domain": "medical",
        "source": "book",
        "license": "CC0",
        "attribution": "A. Author",
        "term": "Gout",
        "template": "X hurts.",
        "other": [1],
    }
    path = write(tmp_path / "a.jsonl", json.dumps(record).encode())
    assert list(read_documents(str(path), domain="general")) == [
        Document("7", "Gout hurts.", "medical", "book", "CC0", "A. Author", "Gout", 0, 4, "X hurts.", identified=True)
    ]


def test_pieces_of_a_book_are_one_group_whatever_their_id_is_called(tmp_path: Path) -> None:
    for name in ("external_id", "doc_id", "id"):
        rows = [{name: f"books:A. Author/A Book#{piece}", "text": f"piece {piece}"} for piece in (1, 10)]
        path = write(tmp_path / f"{name}.jsonl", "\n".join(map(json.dumps, rows)).encode())
        groups = {document.group_name for document in read_documents(str(path)) if isinstance(document, Document)}
        assert groups == {"books:A. Author/A Book"}


def test_empty_fields_count_as_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"external_id,text,domain,term,term_start\n,hello,,,\n")
    assert list(read_documents(str(path))) == [Document("a.csv:2", "hello", "general", "a.csv")]


@pytest.mark.parametrize("span", [{}, {"term_start": 10}, {"term_start": "10", "term_end": 14.0}])
def test_a_term_is_located(tmp_path: Path, span: dict[str, object]) -> None:
    path = write(tmp_path / "a.jsonl", json.dumps({"text": "It is not gout.", "term": "gout", **span}).encode())
    (document,) = read_documents(str(path))
    assert isinstance(document, Document)
    assert (document.term_start, document.term_end) == (10, 14)


def test_packing_a_file_renames_no_document(tmp_path: Path) -> None:
    plain = list(read_documents(str(write(tmp_path / "a.jsonl", OK * 3))))
    assert list(read_documents(str(write(tmp_path / "a.jsonl.gz", gzip.compress(OK * 3))))) == plain
    assert list(read_documents(str(write(tmp_path / "a.jsonl.zst", zstd(OK) + zstd(OK * 2))))) == plain


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".zst", zstd)])
def test_a_header_may_be_packed_in_pieces(tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]) -> None:
    pieces = (b"id;t", b"", b"ext", b";n\n1;hello;2\n")
    assert texts(write(tmp_path / f"a.csv{suffix}", b"".join(map(pack, pieces)))) == ["hello"]


def test_csv_fields_keep_their_line_breaks(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b'text,id\r\n"one\r\ntwo, ""three""\n",1\r\n\r\nplain,\r\n')
    assert [(d.external_id, d.text) for d in read_documents(str(path)) if isinstance(d, Document)] == [
        ("1", 'one\r\ntwo, "three"\n'),
        ("a.csv:6", "plain"),
    ]


def test_csv_fields_may_be_larger_than_the_csv_default(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    path = write(tmp_path / "a.csv", b"text\n" + b"x" * 200_000 + b"\n")
    assert [len(text) for text in texts(path)] == [200_000]
    assert csv.field_size_limit() == before


def test_parquet_reads_only_what_a_document_has(tmp_path: Path) -> None:
    rows = 1_000
    columns = {"text": [f"t{n}" for n in range(rows)], "id": list(range(rows)), "vector": [[0.0]] * rows}
    path = write(tmp_path / "a.parquet", parquet(**columns))
    documents = list(read_documents(str(path)))
    assert documents == [Document(str(n), f"t{n}", "general", "a.parquet", identified=True) for n in range(rows)]


# Sources


def test_a_pattern_reads_its_files_in_order(tmp_path: Path) -> None:
    for name in ["b", "a", "c"]:
        (tmp_path / name).mkdir()
        write(tmp_path / name / "x.txt", name.encode())
    documents = list(read_documents(f"{tmp_path}/*/x.txt"))
    assert [(d.external_id, d.text) for d in documents if isinstance(d, Document)] == [
        ("a/x.txt:1", "a"),
        ("b/x.txt:1", "b"),
        ("c/x.txt:1", "c"),
    ]


def test_a_pattern_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    assert "matches no file" in refusal(f"{tmp_path}/*.txt")


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    assert texts(write(tmp_path / "a[1].txt", b"one")) == ["one"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"one\n{two}\n", ["one", "{two}"]), (b"\xef\xbb\xbf\n  " + OK, ["fine"]), (OK * 2, ["fine"] * 2)],
)
def test_stdin_is_text_or_json_lines(stdin: Callable[[bytes], None], data: bytes, expected: list[str]) -> None:
    stdin(data)
    assert texts("-") == expected
    assert not sys.stdin.closed


def test_a_closed_stdin_is_said_to_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert "stdin: cannot be read (it is closed)" in refusal("-")


def test_stdin_names_the_line(stdin: Callable[[bytes], None]) -> None:
    stdin(OK + b"{")
    assert refusal("-").startswith("stdin:2: not JSON")


@pytest.mark.parametrize("name", ["medical", "control"])
def test_bundled_corpora_read_whole(name: str) -> None:
    documents = list(read_documents(f"bundled:{name}"))
    assert len(documents) >= 40
    assert all(isinstance(document, Document) for document in documents)


def test_an_unknown_bundled_corpus_gives_the_near_ones() -> None:
    assert "bundled:medical" in refusal("bundled:medcal")
    assert "bundled:control" in refusal("bundled:zzzzz")


@pytest.mark.parametrize(
    ("source", "stem"),
    [
        ("-", "stdin"),
        ("bundled:medical", "medical"),
        ("{}/valid-00.jsonl.gz", "valid-00"),
        ("{}/my.notes.txt", "my.notes"),
        ("{}/valid-00.jsonl.1", "valid-00"),
        ("{}/valid-00.jsonl-20260131.gz", "valid-00"),
        ("{}/", "data"),
        ("{}/valid-*.jsonl.gz", "valid"),
        ("{}/*.txt", "data"),
        ("{}/*/x.txt", "data"),
    ],
)
def test_the_stem_names_the_corpus(tmp_path: Path, source: str, stem: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ["valid-00.jsonl.gz", "my.notes.txt", "valid-00.jsonl.1", "valid-00.jsonl-20260131.gz"]:
        write(folder / name, b"")
    assert source_stem(source.format(folder)) == stem


def test_another_encoding_is_refused_with_advice(tmp_path: Path) -> None:
    for name, data in (("a.txt", b"fine\ncaf\xe9\n"), ("a.csv", b"text\ncaf\xe9\n")):
        assert "iconv -f LATIN1 -t UTF-8" in refusal(write(tmp_path / name, data))
    for encoding in ("utf-16", "utf-16-be", "utf-32"):
        path = write(tmp_path / "b.txt", "fine\n".encode(encoding))
        assert f"iconv -f {encoding[:6].upper()} -t UTF-8" in refusal(path)


def test_a_folder_has_no_stem(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="folder"):
        source_stem(str(tmp_path))


def test_reading_is_lazy(tmp_path: Path) -> None:
    documents = read_documents(str(write(tmp_path / "a.jsonl", OK + b"{")))
    assert isinstance(next(documents), Document)
    with pytest.raises(SourceError, match=r"a\.jsonl:2: "):
        next(documents)


# Bad input

BAD_RECORDS = [
    ("a.jsonl", OK * 2 + b'{"text": \n' + OK, 3, "not JSON"),
    ("a.jsonl", OK + b'["text"]\n', 2, "a JSON list, not an object"),
    ("a.jsonl", OK + b"[" * 100_000 + b"\n" + OK, 2, "cannot be read"),
    ("a.jsonl", OK + b'{"text": 1' + b"0" * 5_000 + b"}\n" + OK, 2, "cannot be read"),
    ("a.jsonl", OK + b'{"body": "x"}\n', 2, "no text field (fields: 'body')"),
    ("a.jsonl", OK + b'{"text": null}\n', 2, "no text field"),
    ("a.jsonl", OK + b'{"text": " "}\n', 2, "the text is empty"),
    ("a.jsonl", OK + b'{"text": 5}\n', 2, "field 'text' is int, not a string"),
    ("a.jsonl", OK + b'{"text": "x", "domain": ["a"]}\n', 2, "field 'domain' is list"),
    ("a.jsonl", OK + b'{"text": "x", "id": true}\n', 2, "field 'id' is bool"),
    ("a.jsonl", OK + b'{"text": "x", "term": "x", "term_start": 0.5}\n', 2, "not a whole number"),
    ("a.jsonl", OK + b'{"text": "x", "term": "x", "term_start": true}\n', 2, "not a whole number"),
    ("a.jsonl", OK + b'{"text": "x", "term": "y"}\n', 2, "is not in the text"),
    ("a.jsonl", OK + b'{"text": "aaa", "term": "aa"}\n', 2, "more than once"),
    ("a.jsonl", OK + b'{"text": "xy", "term": "y", "term_start": 0, "term_end": 1}\n', 2, "the span 0 to 1"),
    ("a.jsonl", OK + b'{"text": "xy", "term": "y", "term_start": -1, "term_end": 2}\n', 2, "the span -1 to 2"),
    ("a.jsonl", OK + b'{"text": "x", "term": "x", "term_end": 1}\n', 2, "term_end without term_start"),
    ("a.jsonl", OK + b'{"text": "x", "term_start": 1}\n', 2, "a term span without a term"),
    ("a.jsonl", OK + b'{"text": "x\\ud800"}\n', 2, "lone surrogate"),
    ("a.jsonl", OK + b'{"text": "x", "domain": "\\udfff"}\n', 2, "lone surrogate"),
    ("a.jsonl", OK + b'{"text": "x\\u0000"}\n', 2, "NUL character"),
    ("a.jsonl", OK + b'{"text": "x\0"}\n', 2, "NUL byte"),
    ("a.jsonl", OK + b'{"text": "caf\xe9"}\n', 2, "not UTF-8 (byte 0xe9 at byte 13)"),
    ("a.csv", b"text,id\nfine,1\ncaf\xe9,2\nfine,3\n", 3, "not UTF-8 (byte 0xe9 at byte 3)"),
    ("a.jsonl", OK + b'{"text": "' + b"x" * LIMIT + b'"}\n' + OK, 2, "over 10 MB"),
    ("a.txt", b"fine\n\xff\xfe\nfine\n", 2, "not UTF-8"),
    ("a.txt", b"fine\nb\0d\nfine\n", 2, "NUL byte"),
    ("a.txt", b"fine\n" + b"x" * (LIMIT + 1) + b"\nfine\n", 2, "over 10 MB"),
    ("a.csv", b"text,id\nfine,1\n,2\nfine,3\n", 3, "the text is empty"),
    ("a.csv", b"text,id\nfine,1\na,b,c\nfine,3\n", 3, "3 fields where the header has 2"),
    ("a.csv", b'text,id\nfine,1\n"a"b,2\nfine,3\n', 3, "not CSV"),
    ("a.csv", b'text,id\nfine,1\n"caf\xe9\nfine,2\n",2\nfine,3\n', 3, "not UTF-8"),
    ("a.csv", b'text,id\nfine,1\n"' + b"x" * (LIMIT + 1) + b'\nfine,2\n",2\nfine,3\n', 3, "over 10 MB"),
    ("a.csv", b'text,id\nfine,1\n"' + (b"x" * 999 + b"\n") * 10_001 + b'",2\nfine,3\n', 3, "over 10 MB"),
    ("a.csv", b'text\nfine\n"open\nfine\n', 3, "a quote that is never closed"),
    ("a.parquet", parquet(text=["fine", None, "fine"]), 2, "no text field"),
    ("a.parquet", parquet(text=[b"x", b"y"]), 1, "field 'text' is bytes"),
]


@pytest.mark.parametrize(("name", "data", "line", "what"), BAD_RECORDS, ids=[f"{r[0]}-{r[3]}" for r in BAD_RECORDS])
def test_a_bad_record_is_named_by_file_and_line(tmp_path: Path, name: str, data: bytes, line: int, what: str) -> None:
    path = write(tmp_path / name, data)
    message = refusal(path)
    assert message.startswith(f"{path}:{line}: ")
    assert what in message
    assert "--on-error skip" in message


@pytest.mark.parametrize(("name", "data", "line", "what"), BAD_RECORDS, ids=[f"{r[0]}-{r[3]}" for r in BAD_RECORDS])
def test_a_bad_record_is_skipped_and_the_others_kept(
    tmp_path: Path, name: str, data: bytes, line: int, what: str
) -> None:
    path = write(tmp_path / name, data)
    outcomes = list(read_documents(str(path), on_error="skip"))
    skipped = [outcome for outcome in outcomes if isinstance(outcome, Skipped)]
    assert skipped[0].where == f"{path}:{line}"
    assert what in skipped[0].reason
    assert {outcome.text for outcome in outcomes if isinstance(outcome, Document)} <= {"fine"}
    if data.rstrip(b"\n").endswith((b"fine", b'fine"}', b"fine,3")) and "never closed" not in what:
        assert isinstance(outcomes[-1], Document)


BAD_FILES = [
    ("a.jsonl", b"", "empty"),
    ("a.txt", b"\xef\xbb\xbf", "empty"),
    ("a.txt", b"\n \r\n", "empty"),
    ("a.csv", b"", "empty"),
    ("a.csv", b"text\n", "empty"),
    ("a.jsonl.gz", b"", "empty"),
    ("a.jsonl.zst", b"", "empty"),
    ("a.parquet", parquet(text=pa.array([], pa.string())), "empty"),
    ("a.txt", bytes(range(256)) * 40, "a binary file"),
    ("a.jsonl", gzip.compress(OK), "gzip data"),
    ("a.txt", zstd(OK * 100), "Zstandard data"),
    ("a.txt", "naïve text\n".encode("utf-16"), "not a text file but UTF-16 text"),
    ("a.csv", "text,id\nnaïve,1\n".encode("utf-16-le"), "UTF-16"),
    ("a.jsonl", OK.decode().encode("utf-32"), "UTF-32"),
    ("a.csv", parquet(text=["x"]), "a Parquet file"),
    ("a.csv", b"body,id\nx,1\n", "no text column (columns: 'body', 'id')"),
    ("a.csv", b"text,text\nx,1\n", "two columns of one name"),
    ("a.csv", b"text\xff\nx\n", "line 1, the header: not UTF-8"),
    ("a.jsonl.gz", OK, "cannot be read"),
    ("a.jsonl.gz", b"\x1f\x8b\x08", "cannot be read"),
    ("a.jsonl.zst", OK, "cannot be read"),
    ("a.jsonl.zst", zstd(OK)[:3], "cut short"),
    ("a.parquet", b"", "cannot be read"),
    ("a.parquet", b"PAR1 not really PAR1", "cannot be read"),
    ("a.parquet", parquet(text=["x"])[:-20], "cannot be read"),
    ("a.parquet", parquet(body=["x"]), "no text column (columns: 'body')"),
]


@pytest.mark.parametrize(("name", "data", "what"), BAD_FILES, ids=[f"{f[0]}-{f[2]}" for f in BAD_FILES])
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, name: str, data: bytes, what: str) -> None:
    path = write(tmp_path / name, data)
    message = refusal(path)
    assert message.startswith(f"{path}: ")
    assert what in message
    assert "--on-error" not in message


@pytest.mark.parametrize(("name", "data", "what"), BAD_FILES, ids=[f"{f[0]}-{f[2]}" for f in BAD_FILES])
def test_a_bad_file_of_a_pattern_is_skipped_as_one(tmp_path: Path, name: str, data: bytes, what: str) -> None:
    write(tmp_path / "0.txt", b"before")
    path = write(tmp_path / name, data)
    write(tmp_path / "z.txt", b"after")
    first, skipped, last = read_documents(f"{tmp_path}/*", on_error="skip")
    assert isinstance(first, Document)
    assert isinstance(last, Document)
    assert isinstance(skipped, Skipped)
    assert skipped.where == str(path)
    assert what in skipped.reason
    assert "--on-error skip" in refusal(f"{tmp_path}/*")


@pytest.mark.parametrize("on_error", ["stop", "skip"])
@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("missing.jsonl", "there is no such file"),
        ("folder", "a folder, not a file"),
        ("a.docx", "unknown format '.docx'"),
        ("a.parquet.gz", "compressed Parquet"),
        ("x" * 300 + ".txt", "cannot be reached"),
    ],
)
def test_a_source_that_names_no_readable_file_is_refused(tmp_path: Path, name: str, what: str, on_error: str) -> None:
    (tmp_path / "folder").mkdir()
    write(tmp_path / "a.docx", b"x")
    write(tmp_path / "a.parquet.gz", b"x")
    with pytest.raises(SourceError, match=what) as caught:
        texts(tmp_path / name, on_error=on_error)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")


def test_a_folder_and_a_dangling_link_among_a_patterns_files_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    (tmp_path / "b.txt").symlink_to("nowhere")
    write(tmp_path / "c.txt", b"one")
    expected = [f"skipped {tmp_path}/a.txt", f"skipped {tmp_path}/b.txt", "one"]
    assert texts(f"{tmp_path}/*.txt", on_error="skip") == expected


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".zst", zstd)])
def test_a_stream_cut_short_gives_what_comes_before(
    tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    whole = pack(b"".join(f"{n} {blake2b(bytes([n % 256]) * n).hexdigest()}\n".encode() for n in range(20_000)))
    path = write(tmp_path / f"a.txt{suffix}", whole[: len(whole) // 2])
    *before, last = read_documents(str(path), on_error="skip")
    assert len(before) > 5_000
    assert isinstance(last, Skipped)
    assert last.where == f"{path}:{len(before)}"
    assert "cannot be read beyond this line" in last.reason


def test_a_value_of_a_parquet_file_that_is_no_utf8_costs_its_row_alone(tmp_path: Path) -> None:
    data = pa.array([b"one", b"caf\xe9", b"two"], pa.binary())
    column = pa.StringArray.from_buffers(3, data.buffers()[1], data.buffers()[2])
    path = write(tmp_path / "a.parquet", parquet(text=column))
    assert texts(path, on_error="skip") == ["one", f"skipped {path}:2", "two"]


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_a_line_of_ten_megabytes_is_the_longest(tmp_path: Path, ending: bytes) -> None:
    more = b"next\n" if ending else b""
    path = write(tmp_path / "a.txt", b"\xef\xbb\xbf" + b"x" * LIMIT + ending + more)
    assert [len(text) for text in texts(path)] == [LIMIT] + [4] * bool(more)
    path = write(tmp_path / "a.txt", b"x" * (LIMIT + 1) + ending + more)
    assert texts(path, on_error="skip") == [f"skipped {path}:1"] + ["next"] * bool(more)


def test_a_huge_line_is_never_held_in_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt.gz", gzip.compress(b"x" * 100_000_000 + b"\nnext\n", compresslevel=1))
    tracemalloc.start()
    try:
        assert texts(path, on_error="skip") == [f"skipped {path}:1", "next"]
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


def test_a_row_group_is_never_held_in_memory(tmp_path: Path) -> None:
    table = pa.table({"text": [f"{n:01000}" for n in range(40_000)]})
    pq.write_table(table, tmp_path / "a.parquet", compression="none", use_dictionary=False)
    before = pa.total_allocated_bytes()
    assert max(pa.total_allocated_bytes() for _ in read_documents(f"{tmp_path}/a.parquet")) - before < 8_000_000


# Round trips

NO_SURROGATES = st.characters(codec="utf-8", exclude_characters="\0")
WORDS = st.text(NO_SURROGATES, min_size=1, max_size=20)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    text = draw(st.text(NO_SURROGATES, min_size=1, max_size=40).filter(str.strip))
    start = draw(st.integers(0, len(text) - 1))
    end = draw(st.integers(start + 1, len(text)))
    span = (text[start:end], start, end) if draw(st.booleans()) else (None, None, None)
    term, term_start, term_end = span
    licence, attribution, template = (draw(st.none() | WORDS) for _ in range(3))
    origin = (draw(WORDS), text, draw(WORDS), draw(WORDS), licence, attribution)
    return Document(*origin, term=term, term_start=term_start, term_end=term_end, template=template, identified=True)


def packed_json_lines(written: list[Document]) -> bytes:
    return b"".join(json.dumps(asdict(document)).encode() + b"\n" for document in written)


def packed_csv(written: list[Document]) -> bytes:
    target = io.StringIO(newline="")
    writer = csv.DictWriter(target, list(asdict(written[0])), quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(asdict(document) for document in written)
    return target.getvalue().encode()


def packed_parquet(written: list[Document]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([asdict(document) for document in written]), sink)
    return sink.getvalue()


PACK: dict[str, Callable[[list[Document]], bytes]] = {
    ".jsonl": packed_json_lines,
    ".csv": packed_csv,
    ".parquet": packed_parquet,
}
COMPRESS: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".zst": zstd}


@pytest.mark.parametrize(
    ("suffix", "compression"), [*itertools.product([".jsonl", ".csv"], COMPRESS), (".parquet", "")]
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=st.lists(documents(), min_size=1, max_size=5))
def test_documents_written_are_read_back(
    tmp_path: Path, suffix: str, compression: str, written: list[Document]
) -> None:
    path = write(tmp_path / f"a{suffix}{compression}", COMPRESS[compression](PACK[suffix](written)))
    assert list(read_documents(str(path))) == written


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=300) | st.text(max_size=100).map(str.encode),
    suffix=st.sampled_from([".txt", ".jsonl", ".csv", ".parquet", ".txt.gz", ".csv.zst"]),
)
def test_any_bytes_give_documents_or_are_named(tmp_path: Path, data: bytes, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", data)
    outcomes = list(read_documents(str(path), on_error="skip"))
    assert outcomes
    assert all(o.where.startswith(str(path)) for o in outcomes if isinstance(o, Skipped))


# What other programs write


def ids(source: str | Path, **options: str) -> list[str]:
    return [d.external_id for d in read_documents(str(source), **options) if isinstance(d, Document)]  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [b"one\rtwo\rthree\r", b"\xef\xbb\xbfone\r\rtwo\rthree"])
def test_without_any_lf_a_cr_ends_a_line(tmp_path: Path, data: bytes, stdin: Callable[[bytes], None]) -> None:
    assert texts(write(tmp_path / "a.txt", data)) == ["one", "two", "three"]
    assert texts(write(tmp_path / "a.txt.gz", gzip.compress(data))) == ["one", "two", "three"]
    stdin(data)
    assert texts("-") == ["one", "two", "three"]
    assert ids(write(tmp_path / "b.jsonl", OK.strip() + b"\r" + OK.strip() + b"\r")) == ["b.jsonl:1", "b.jsonl:2"]
    path = write(tmp_path / "c.csv", b'text,id\r"one\rtwo",1\rthree,2\r')
    assert (texts(path), ids(path)) == (["one\rtwo", "three"], ["1", "2"])


def test_a_cr_among_lfs_is_text_and_costs_no_line(tmp_path: Path) -> None:
    assert texts(write(tmp_path / "a.txt", b"one\rtwo\nthree\r\n")) == ["one\rtwo", "three"]
    path = write(tmp_path / "b.txt", b"x\r" * (LIMIT // 2 + 9) + b"\nnext\n")
    assert texts(path, on_error="skip") == [f"skipped {path}:1", "next"]
    assert "make bare CRs line ends" in refusal(path)


def test_the_marks_of_files_that_were_joined_are_no_text(tmp_path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    assert texts(write(tmp_path / "a.txt", mark + b"one\n" + mark + b"two\n")) == ["one", "two"]
    assert texts(write(tmp_path / "a.jsonl", mark + OK + mark + OK)) == ["fine", "fine"]
    assert texts(write(tmp_path / "b.txt", b"in" + mark + b"side\n")) == ["in\ufeffside"]


def test_windows_1252_is_told_from_latin_1(tmp_path: Path) -> None:
    assert "were it Windows-1252: iconv -f WINDOWS-1252" in refusal(write(tmp_path / "a.txt", b"\x93quoted\x94\n"))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b'{"text": "one", "text": "two"}', "a key that stands twice ('text')"),
        (b'{"id": 1, "text": "one", "id": 1}', "a key that stands twice ('id')"),
        (b'{"text": "one", "meta": {"a": 1, "a": 2}}', "a key that stands twice ('a')"),
    ],
)
def test_a_key_that_stands_twice_is_a_bad_record(tmp_path: Path, line: bytes, what: str) -> None:
    path = write(tmp_path / "a.jsonl", OK + line + b"\n" + OK)
    assert refusal(path).startswith(f"{path}:2: {what}; leave one of them out")
    assert texts(path, on_error="skip") == ["fine", f"skipped {path}:2", "fine"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None, 7], ["1", "a.parquet:2", "7"]),
        ([1.0, float("nan"), 7.0], ["1", "a.parquet:2", "7"]),
        (pa.array([1, 2, 7], pa.uint8()), ["1", "2", "7"]),
        (pa.array(["a", None, "b"]).dictionary_encode(), ["a", "a.parquet:2", "b"]),
        (pa.array(["a", "", "b"], pa.large_string()), ["a", "a.parquet:2", "b"]),
        (pa.array([1, 2, 7], pa.int64()).cast(pa.decimal128(20)), ["1", "2", "7"]),
        ([2**53 + 1, 2**63 - 1, -1], ["9007199254740993", "9223372036854775807", "-1"]),
    ],
)
def test_ids_of_parquet_columns_of_any_type(tmp_path: Path, values: object, expected: list[str]) -> None:
    if isinstance(values, list) and None in values:
        values = pa.array([float(value) if value else None for value in values])
    text = pa.array(["one", "two", "three"]).dictionary_encode()
    path = write(tmp_path / "a.parquet", parquet(text=text, id=values))
    assert ids(path) == expected
    assert texts(path) == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("value", "what"),
    [(0.5, "is float, not a string"), (2.0**53, "may have lost digits"), (float("inf"), "may have lost digits")],
)
def test_a_float_that_may_not_be_the_id_is_refused(tmp_path: Path, value: float, what: str) -> None:
    assert what in refusal(write(tmp_path / "a.parquet", parquet(text=["one"], id=[value])))


def test_nan_counts_as_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'{"text": "one", "id": NaN, "domain": NaN, "term_start": NaN}\n')
    assert list(read_documents(str(path))) == [Document("a.jsonl:1", "one", "general", "a.jsonl")]
    assert "the text is empty" in refusal(write(tmp_path / "b.jsonl", b'{"text": NaN}\n'))


def test_a_whole_number_of_a_csv_that_pandas_wrote_is_one(tmp_path: Path) -> None:
    (document,) = read_documents(str(write(tmp_path / "a.csv", b"text,term,term_start\nno gout,gout,3.0\n")))
    assert isinstance(document, Document)
    assert document.term_start == 3


def test_what_excel_adds_to_a_csv_is_passed_over(tmp_path: Path) -> None:
    data = b'text,id,,\nhello,1,,\nthere,2\n,,,\n"",\nyou,3,,,,\n'
    path = write(tmp_path / "a.csv", data)
    assert (texts(path), ids(path)) == (["hello", "there", "you"], ["1", "2", "3"])
    assert "5 fields where the header has 4" in refusal(write(tmp_path / "b.csv", b"text,id,,\nhello,1,,,x\n"))
    assert "1 fields where the header has 2" in refusal(write(tmp_path / "c.csv", b"text,id\nhello\n"))
    assert texts(write(tmp_path / "d.csv", b"text,note,note\nhello,1,2\n")) == ["hello"]


@pytest.mark.parametrize(
    ("data", "first"),
    [
        (b"text;id\none, two;1\nthree;2\n", 2),
        (b'"id";"text"\n1;"one, two"\n2;"three"\n', 2),
        (b"text\tid\r\none, two\t1\r\nthree\t2\r\n", 2),
        (b"\xef\xbb\xbfsep=;\r\ntext;id\r\none, two;1\r\nthree;2\r\n", 3),
        (b"sep=|\ntext|id\none, two|1\nthree|2\n", 3),
    ],
)
def test_fields_may_end_in_what_excel_chooses(tmp_path: Path, data: bytes, first: int) -> None:
    path = write(tmp_path / "a.csv", data)
    assert (texts(path), ids(path)) == (["one, two", "three"], ["1", "2"])
    broken = write(tmp_path / "b.csv", data.replace(b"1", b"1;1|1\t1"))
    assert f"{broken}:{first}: " in refusal(broken)


def test_endings_are_known_in_any_case(tmp_path: Path) -> None:
    assert ids(write(tmp_path / "P.JSONL.GZ", gzip.compress(OK))) == ["P.JSONL:1"]
    assert ids(write(tmp_path / "Q.Txt", b"one\n")) == ["Q.Txt:1"]
    assert ids(write(tmp_path / "R.Csv.ZST", zstd(b"text\none\n"))) == ["R.Csv:2"]
    assert source_stem(f"{tmp_path}/P.JSONL.GZ") == "P"


# Names, links and what is no file


def test_a_name_that_is_not_utf8_is_read_and_shown_with_its_bytes(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xe9p"))
    folder.mkdir()
    for name in (b"caf\xe9", b"caf\xe8"):
        Path(folder, os.fsdecode(name + b".txt")).write_bytes(b"one\n")
    for source in (f"{folder}/caf\udce9.txt", f"{folder}/caf\udce9*", f"{tmp_path}/d*/caf?.txt"):
        first, *_ = read_documents(source)
        assert isinstance(first, Document)
        assert first.source.endswith(("caf\\xe9.txt", "caf\\xe8.txt"))
    assert ids(f"{folder}/*.txt") == ["caf\\xe8.txt:1", "caf\\xe9.txt:1"]
    assert source_stem(f"{folder}/caf\udce9.txt") == "caf\\xe9"
    assert source_stem(f"{folder}/*.txt") == "d\\xe9p"
    assert source_stem(f"{folder}/") == "d\\xe9p"
    for missing in ("caf.txt", "caf\udcea.txt", "gone/", "no*.txt", "no.ipynb:a"):
        assert refusal(f"{folder}/{missing}").startswith(f"{tmp_path}/d\\xe9p/")


def test_stars_follow_links_and_enter_each_folder_once(tmp_path: Path) -> None:
    for name in ("top/in/deep", "away/on"):
        (tmp_path / name).mkdir(parents=True)
        write(tmp_path / name / "a.txt", name.encode())
    write(tmp_path / "top" / ".hidden.txt", b"no")
    for link, target in (("top/away", "../away"), ("top/in/up", ".."), ("top/loop", "."), ("away/back", "../top")):
        (tmp_path / link).symlink_to(target)
    expected = ["away/on/a.txt:1", "in/deep/a.txt:1"]
    assert ids(f"{tmp_path}/top/**/a.txt") == expected
    assert ids(f"{tmp_path}/top/**/*.txt") == expected
    assert ids(f"{tmp_path}/top/**/deep/**/a.txt") == expected[1:]
    assert ids(f"{tmp_path}/t*/**/on/*.txt") == ["top/away/on/a.txt:1"]


def test_links_upon_links_take_no_time(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number}").mkdir()
        write(tmp_path / f"{number}" / "a.txt", b"%d" % number)
        for other in range(12):
            (tmp_path / f"{number}" / f"to{other}").symlink_to(f"../{other}")
    assert len(ids(f"{tmp_path}/**/*.txt")) == 12
    assert len(ids(f"{tmp_path}/0/**/*.txt")) == 12


def test_what_is_no_file_is_no_match_to_wait_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "b.txt"))
    (tmp_path / "c.txt").symlink_to("c.txt")
    write(tmp_path / "d.txt", b"one")
    outcomes = list(read_documents(f"{tmp_path}/*.txt", on_error="skip"))
    assert [o.reason if isinstance(o, Skipped) else o.text for o in outcomes] == [
        "no regular file",
        "no regular file",
        "there is no such file",
        "one",
    ]


def test_a_pipe_that_is_named_alone_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    with subprocess.Popen(["sh", "-c", f"echo one > {tmp_path}/a.txt"]):
        assert texts(tmp_path / "a.txt") == ["one"]
