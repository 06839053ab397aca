"""Formats with one record a line: plain text and JSON lines."""

import json
from collections.abc import Iterator

from ingest.sources.binary import HEAD
from ingest.sources.lines import Line, numbered_lines
from ingest.sources.record import Fault, RecordError, Row, quoted_names
from ingest.sources.streams import Stream


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
        raise RecordError(f"a key that stands twice ({quoted_names(twice)})", "leave one of them out")
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
