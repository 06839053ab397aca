"""Lines of a byte stream: bounded in memory, decoded, numbered from 1."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from ingest.sources.streams import Stream

LINE_LIMIT = 10_000_000  # bytes, the line ending left out
NOT_UTF8 = "make it UTF-8 (were it Latin-1: iconv -f LATIN1 -t UTF-8)"
_BLOCK = 65_536


@dataclass(frozen=True)
class Line:
    """One line with its ending, or what is wrong with it.

    `quotes` counts the double quotes of the whole line, also where it is wrong:
    a CSV reader finds the end of a broken record by them.
    """

    number: int
    text: str
    fault: str | None
    quotes: int
    advice: str = "mend the line"


def numbered_lines(stream: Stream) -> Iterator[Line]:
    """Read a stream line by line; a line over the limit is passed over without being held in memory.

    Raises: what the stream raises where it breaks off (`streams.STREAM_ERRORS`).
    """
    if stream.peek(3).startswith(codecs.BOM_UTF8):
        stream.read(3)
    for number in count(1):
        raw = stream.readline(LINE_LIMIT + 2)
        if not raw:
            return
        yield _line(number, raw, stream)


def _line(number: int, raw: bytes, stream: Stream) -> Line:
    quotes = raw.count(b'"')
    if len(raw) - _ending(raw) > LINE_LIMIT:
        if not raw.endswith(b"\n"):
            quotes += _pass_over_rest(stream)
        return Line(number, "", "a line of over 10 MB", quotes)
    if b"\0" in raw:
        return Line(number, "", f"NUL byte at byte {raw.index(0)}", quotes)
    try:
        return Line(number, raw.decode("utf-8"), None, quotes)
    except UnicodeDecodeError as error:
        return Line(number, "", f"not UTF-8 (byte 0x{raw[error.start]:02x} at byte {error.start})", quotes, NOT_UTF8)


def _ending(raw: bytes) -> int:
    if raw.endswith(b"\r\n"):
        return 2
    return 1 if raw.endswith((b"\n", b"\r")) else 0


def _pass_over_rest(stream: Stream) -> int:
    """Read to the end of the line in blocks, and give the number of double quotes met."""
    quotes = 0
    while block := stream.readline(_BLOCK):
        quotes += block.count(b'"')
        if block.endswith(b"\n"):
            break
    return quotes
