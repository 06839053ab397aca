"""Lines of a byte stream: bounded in memory, decoded, numbered from 1.

A line ends in LF or CR LF; in a stream without any LF, as old Macs wrote them, in CR. The mark of UTF-8 at the
beginning of a line, as in files that were joined, is left out.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from ingest.sources.streams import Stream

LINE_LIMIT = 10_000_000  # bytes, the line ending left out
BARE_CR = "mend the line, or make bare CRs line ends: tr '\\r' '\\n'"
_NOT_UTF8 = "make it UTF-8 (were it Latin-1: iconv -f LATIN1 -t UTF-8)"
_NOT_LATIN1 = "make it UTF-8 (were it Windows-1252: iconv -f WINDOWS-1252 -t UTF-8)"
_LONGEST = len(codecs.BOM_UTF8) + LINE_LIMIT + len("\r\n")
_BLOCK = 65_536
_CR_LINE = re.compile(rb"[^\r]*\r|[^\r]+")


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
    for number in count(1):
        raw = stream.readline(_LONGEST)
        if not raw:
            return
        if number == 1 and not raw.endswith(b"\n") and _has_bare_cr(raw) and not stream.peek(1):
            yield from (_line(place, line, stream) for place, line in enumerate(_CR_LINE.findall(raw), start=1))
            return
        yield _line(number, raw, stream)


def _line(number: int, raw: bytes, stream: Stream) -> Line:
    raw = raw.removeprefix(codecs.BOM_UTF8)
    quotes = raw.count(b'"')
    if len(raw) - _ending(raw) > LINE_LIMIT:
        if not raw.endswith(b"\n"):
            quotes += _pass_over_rest(stream)
        advice = BARE_CR if _has_bare_cr(raw) else Line.advice
        return Line(number, "", "a line of over 10 MB", quotes, advice)
    if b"\0" in raw:
        return Line(number, "", f"NUL byte at byte {raw.index(0)}", quotes)
    try:
        return Line(number, raw.decode("utf-8"), None, quotes)
    except UnicodeDecodeError as error:
        byte = raw[error.start]
        advice = _NOT_LATIN1 if 0x80 <= byte < 0xA0 else _NOT_UTF8
        return Line(number, "", f"not UTF-8 (byte 0x{byte:02x} at byte {error.start})", quotes, advice)


def _has_bare_cr(raw: bytes) -> bool:
    return raw.find(b"\r", 0, -1) >= 0


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
