"""Lines of a byte stream, bounded in memory, decoded, numbered from 1; and formats with a record a line.

A line ends in LF or CR LF; in a stream without any LF, as old Macs wrote them, in CR. The mark of UTF-8 at the
beginning of a line, as in files that were joined, is left out.

Of files that others made no line is without an end either (`lines_within_limit`).
"""

import codecs
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, AnyStr, NoReturn

from ingest.sources.document import LINE_LIMIT, Fault, RecordError, Row, quoted_document_names
from ingest.sources.streams import HEAD, STREAM_ERRORS, Stream, open_stream
from schema.errors import SourceError

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


def read_text(stream: Stream) -> Iterator[Row | Fault]:
    """Read one document a line; blank lines are passed over."""
    for line in numbered_lines(stream):
        if line.fault:
            yield _line_fault(line)
        elif line.text.strip():
            yield Row(line.number, {"text": line.text.removesuffix("\n").removesuffix("\r")})


def read_json_lines(stream: Stream) -> Iterator[Row | Fault]:
    """Read one JSON object a line; blank lines are passed over."""
    for line in numbered_lines(stream):
        if line.fault:
            yield _line_fault(line)
        elif line.text.strip():
            yield _parsed(line)


def read_text_or_json_lines(stream: Stream) -> Iterator[Row | Fault]:
    """Read JSON lines where the first byte that is not blank is a brace, else plain text."""
    head = stream.peek(HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
    return read_json_lines(stream) if head.startswith(b"{") else read_text(stream)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Make an object of its pairs; where a key stands twice, which of its values is meant is anybody's guess."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = [name for name in found if names.count(name) > 1]
        raise RecordError(f"a key that stands twice ({quoted_document_names(twice)})", "leave one of them out")
    return found


def _line_fault(line: Line) -> Fault:
    return Fault(line.number, line.fault or "", line.advice)


def _parsed(line: Line) -> Row | Fault:
    advice = "write one JSON object a line"
    try:
        value = json.loads(line.text, object_pairs_hook=_object)
    except RecordError as error:
        return Fault(line.number, str(error), error.advice)
    except json.JSONDecodeError as error:
        return Fault(line.number, f"not JSON ({error.msg} at column {error.pos + 1})", advice)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets thousands deep
        return Fault(line.number, f"JSON that cannot be read ({error})", advice)
    if not isinstance(value, dict):
        return Fault(line.number, f"a JSON {type(value).__name__}, not an object", advice)
    return Row(line.number, value)


def lines_within_limit(path: Path, readline: Callable[[int], AnyStr]) -> Iterator[AnyStr]:
    """The lines of a stream, by its `readline`, with their endings.

    Raises:
        SourceError: a line is longer than LINE_LIMIT.
    """
    number = 1
    while line := readline(LINE_LIMIT + 1):
        if len(line) > LINE_LIMIT:
            raise SourceError(f"{path.name}: line {number} is longer than {LINE_LIMIT:,}; this is no file of this kind")
        yield line
        number += 1


def source_json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a file that has one a line, each with where it stands; the file may be compressed.

    Raises:
        SourceError: the file is cut short, or a line is no JSON object.
    """
    line = 0
    try:
        with open_stream(path) as stream:
            for line, text in enumerate(lines_within_limit(path, stream.readline), start=1):
                if text.strip():
                    where = f"{path.name}: line {line}"
                    yield where, _json_object(where, text)
    except STREAM_ERRORS as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{path} cannot be read beyond line {line} ({reason}); get the file anew") from error


def _json_object(where: str, text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{where} is no JSON ({error})") from error
    if not isinstance(found, dict):
        raise SourceError(f"{where} is no JSON object")
    return found


def refuse_constant(name: str) -> NoReturn:
    """Raise ValueError for what Python's json reads beyond JSON: NaN and infinities."""
    raise ValueError(f"{name} is no number of JSON")
