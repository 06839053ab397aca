"""Byte streams of plain and compressed files, and of stdin; and what a stream is that is no text.

A compressed stream that is cut short gives all that can be decompressed before it
raises, so that the documents before the cut are not lost.
"""

import codecs
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import zstandard

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Stream = io.BufferedReader

STREAM_ERRORS = (OSError, EOFError, zlib.error, zstandard.ZstdError)
"""What opening or reading a stream raises where the file is at fault."""

# A run-length block of 4 bytes can stand for 128 KiB: small bites keep memory flat whatever the file holds.
_ZSTD_BITE = 512


class _ZstdFile:
    """A Zstandard file; unlike `zstandard.open` it notices that a frame is cut short."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decompressor = zstandard.ZstdDecompressor()
        self._frame = self._decompressor.decompressobj()
        self._compressed = b""
        self._inside = False
        self._ready = memoryview(b"")

    def readinto1(self, buffer: "WriteableBuffer") -> int:
        """Fill the buffer as far as one bite goes; the bytes written, 0 at the end of the file."""
        target = memoryview(buffer)
        while not self._ready:
            if not self._advance():
                return 0
        size = min(len(target), len(self._ready))
        target[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _advance(self) -> bool:
        """Decompress the next bite; False at the end of the file."""
        bite = self._compressed or self._file.read(_ZSTD_BITE)
        if not bite:
            if self._inside:
                raise EOFError("it is cut short")
            return False
        self._ready = memoryview(self._frame.decompress(bite))
        self._inside, self._compressed = not self._frame.eof, self._frame.unused_data
        if self._frame.eof:
            self._frame = self._decompressor.decompressobj()
        return True

    def close(self) -> None:
        self._file.close()


class _Filled(io.RawIOBase):
    """A stream that fills a buffer to its end, so that one look shows a head in however small pieces it was packed."""

    def __init__(self, pieces: _ZstdFile | gzip.GzipFile) -> None:
        self._pieces = pieces
        self._failure: Exception | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill the buffer, but for the end of the file or a failure, which is raised after all that came before it."""
        target, size = memoryview(buffer), 0
        while size < len(target) and not self._failure:
            try:
                read = self._pieces.readinto1(target[size:])
            except STREAM_ERRORS as error:
                self._failure = error
            else:
                if not read:
                    break
                size += read
        if self._failure and not size:
            raise self._failure
        return size

    def close(self) -> None:
        self._pieces.close()
        super().close()


def _open_plain(path: Path) -> Stream:
    return path.open("rb")


def _open_gzip(path: Path) -> Stream:
    return io.BufferedReader(_Filled(gzip.open(path, "rb")))


def _open_zstd(path: Path) -> Stream:
    return io.BufferedReader(_Filled(_ZstdFile(path.open("rb"))))


COMPRESSIONS: dict[str, Callable[[Path], Stream]] = {".gz": _open_gzip, ".zst": _open_zstd}
"""How to open a file by the last suffix of its name."""


@contextmanager
def open_stream(path: Path | None) -> Iterator[Stream]:
    """Open a file, decompressed as its name says, or stdin for None (which stays open afterwards).

    Raises: one of `STREAM_ERRORS` where the file cannot be opened.
    """
    if path is None:
        if sys.stdin is None:
            raise OSError("it is closed")
        stdin: io.BufferedReader = io.BufferedReader(cast(Any, sys.stdin.buffer))
        try:
            yield stdin
        finally:
            stdin.detach()
    else:
        with COMPRESSIONS.get(path.suffix.lower(), _open_plain)(path) as stream:
            yield stream


HEAD = 8_192  # bytes looked at

_SIGNATURES = {
    b"\x1f\x8b": "gzip data",
    b"\x28\xb5\x2f\xfd": "Zstandard data",
    b"BZh": "bzip2 data",
    b"\xfd7zXZ": "xz data",
    b"PK\x03\x04": "a ZIP archive",
    b"PAR1": "a Parquet file",
    b"%PDF-": "a PDF file",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"\x7fELF": "a program",
    b"SQLite format 3": "an SQLite file",
    codecs.BOM_UTF32_LE: "UTF-32 text",
    codecs.BOM_UTF16_LE: "UTF-16 text",
    codecs.BOM_UTF16_BE: "UTF-16 text",
}


def binary_kind(head: bytes) -> str | None:
    """Name what a file is that is no UTF-8 text, by its first bytes; None for text.

    A signature alone does not make a file binary ("PAR1" is a word, too), nor does
    one bad line: NUL bytes must be there, and most of the head lie on bad lines.
    """
    head = head[:HEAD]
    if b"\0" not in head:
        return None
    text = _is_utf8(head)
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature) and not text:
            return kind
    if _every_other_is_nul(head):
        return "UTF-16 text"
    if text:
        return None
    bad = sum(len(line) for line in head.split(b"\n") if b"\0" in line or not _is_utf8(line))
    return "a binary file" if bad * 4 > len(head) * 3 else None


def _every_other_is_nul(head: bytes) -> bool:
    """Say whether these bytes look like UTF-16 without a mark at its beginning."""
    more, fewer = sorted((half.count(0) / (len(half) or 1) for half in (head[::2], head[1::2])), reverse=True)
    return more > 0.5 >= fewer


def _is_utf8(data: bytes) -> bool:
    """Say whether these bytes can begin a UTF-8 text: a character cut at the end is none against it."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return True
