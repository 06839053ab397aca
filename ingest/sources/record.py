"""One record of a source, and the document that it becomes."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from ingest.sources.document import ID_FIELDS, LINE_LIMIT, Document, RecordError, quoted_document_names

_EXACT = 2**53
"""The whole numbers up to here have a float of their own."""

_DIGITS = re.compile(r"([0-9]{1,9})(?:\.0)?")


@dataclass(frozen=True)
class Defaults:
    """What a document gets where its record does not say."""

    external_id: str
    domain: str
    source: str


def build_document(fields: Mapping[str, object], defaults: Defaults, numbers: Sequence[str] = ()) -> Document:
    """Check the fields of a record and make a document of them; `numbers` names fields that are kept as numbers.

    Raises: RecordError where text is missing or a field has the wrong type or value.
    """
    text = _text(fields)
    term, start, end = _located_term(text, fields)
    external_id = _external_id(fields)
    source = _string(fields, "source")
    return Document(
        external_id=external_id or defaults.external_id,
        text=text,
        domain=_string(fields, "domain") or defaults.domain,
        source=source or defaults.source,
        licence=_string(fields, "licence") or _string(fields, "license"),
        attribution=_string(fields, "attribution"),
        term=term,
        term_start=start,
        term_end=end,
        template=_string(fields, "template"),
        group=_name(fields, "group"),
        fields=tuple((name, _number(fields, name)) for name in numbers),
        identified=external_id is not None,
        sourced=source is not None,
    )


def _value(fields: Mapping[str, object], name: str) -> object:
    """Give the value of a field; None where it is missing, empty, or the NaN that pandas puts in its place."""
    value = fields.get(name)
    return None if value == "" or (isinstance(value, float) and math.isnan(value)) else value


def _text(fields: Mapping[str, object]) -> str:
    if fields.get("text") is None:
        raise RecordError(
            f"no text field (fields: {quoted_document_names([name for name in fields if name != 'text'])})"
        )
    text = _string(fields, "text")
    if text is None or not text.strip():
        raise RecordError("the text is empty")
    if len(text.encode("utf-8")) > LINE_LIMIT:
        raise RecordError("the text is over 10 MB")
    return text


def _string(fields: Mapping[str, object], name: str) -> str | None:
    """Give a text field; an empty one counts as missing."""
    value = _value(fields, name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise RecordError(f"field {name!r} is {type(value).__name__}, not a string")
    if "\0" in value:
        raise RecordError(f"NUL character in field {name!r}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RecordError(f"lone surrogate in field {name!r} at character {error.start}") from error
    return value


def _external_id(fields: Mapping[str, object]) -> str | None:
    return next((found for name in ID_FIELDS if (found := _name(fields, name)) is not None), None)


def _name(fields: Mapping[str, object], name: str) -> str | None:
    """Give a text field that may also be a whole number: a float, from pandas, in a column where one is missing."""
    value = _value(fields, name)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, float) and abs(value) >= _EXACT:
        raise RecordError(f"field {name!r} is a float that may have lost digits", "write long numbers as text")
    whole = _whole(value)
    return str(whole) if whole is not None else _string(fields, name)


def _integer(fields: Mapping[str, object], name: str) -> int | None:
    """Give a whole number; CSV spells it as digits, and a nullable Parquet column as a float."""
    value = _value(fields, name)
    if value is None:
        return None
    if isinstance(value, str) and (digits := _DIGITS.fullmatch(value)):
        return int(digits[1])
    if (whole := _whole(value)) is None:
        raise RecordError(f"field {name!r} is not a whole number")
    return whole


def _number(fields: Mapping[str, object], name: str) -> float | None:
    """Give a number; CSV spells it in digits."""
    value = _value(fields, name)
    if value is None:
        return None
    try:
        found = float(value) if isinstance(value, int | float | Decimal | str) else math.nan
    except (ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise RecordError(
            f"field {name!r} is {quoted_document_names([str(value)])}, not a number", "mend it, or leave it out"
        )
    return found


def _whole(value: object) -> int | None:
    """Give a number that has no fraction, of whatever type; None for all else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value):
        return int(value)
    return None


def _located_term(text: str, fields: Mapping[str, object]) -> tuple[str | None, int | None, int | None]:
    """Give the term with its span [start, end) in characters of the text."""
    term, start, end = _string(fields, "term"), _integer(fields, "term_start"), _integer(fields, "term_end")
    if term is None:
        if start is not None or end is not None:
            raise RecordError("a term span without a term")
        return None, None, None
    if start is None:
        if end is not None:
            raise RecordError("term_end without term_start")
        start = _only_occurrence(text, term)
    if end is None:
        end = start + len(term)
    if start < 0 or text[start:end] != term:
        raise RecordError(f"the span {start} to {end} of the text is not the term {quoted_document_names([term])}")
    return term, start, end


def _only_occurrence(text: str, term: str) -> int:
    start = text.find(term)
    if start < 0:
        raise RecordError(f"the term {quoted_document_names([term])} is not in the text")
    if text.find(term, start + 1) >= 0:
        raise RecordError(f"the term {quoted_document_names([term])} is in the text more than once: give term_start")
    return start
