"""Telling a binary file from text with a few bad lines."""

import codecs

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
