"""Sets of documents by name: what stands on each side of a contrast.

medical/medical    a corpus
control            every corpus of that source: control/law, control/sport, ...
domain=law         every corpus of that domain
term=diabetes      every document that names the term
"""

import difflib
from collections.abc import Iterable

from schema.errors import SelectionError
from schema.store import Atlas

CONDITIONS = {
    "corpus": "corpus.name = $value OR starts_with(corpus.name, $value || '/')",
    "domain": "corpus.domain = $value",
    "term": "lower(document.term) = lower($value)",
}


SPACES = r"[\p{Z}\p{Cc}]{2,}|[\p{Cc}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]"
"""A run of white space, or one that is no plain space: a plain one stays as it is, and most texts are quickly read."""

NORMAL_FORM = rf"""
    trim(regexp_replace(nfc_normalize(regexp_replace(text, '\p{{Cf}}+', '', 'g')), '{SPACES}', ' ', 'g'))
"""
"""A document's text without invisible characters, each run of white space one space, composed (NFC)."""


def select_documents(atlas: Atlas, sets: Iterable[str]) -> dict[int, str]:
    """The documents of all the sets: key -> content hash.

    Raises:
        SelectionError: a set selects nothing; names what is near.
    """
    found: dict[int, str] = {}
    for name in sets:
        kind, value = _parse(name)
        rows = atlas.rows(
            f"""
            SELECT document, content_hash
            FROM document
            JOIN corpus USING (corpus)
            WHERE {CONDITIONS[kind]}
            ORDER BY document
            """,
            {"value": value},
        )
        if not rows:
            raise SelectionError(f"'{name}' selects no document{_near(atlas, kind, value)}")
        found.update(rows)
    return found


def contrasted_texts(atlas: Atlas, documents: Iterable[int]) -> dict[int, str]:
    """A hash of each document's text that spaces, invisible characters and the spelling of accents do not change.

    The documents come in the order of their texts, then of their corpora, whatever the order of ingest.
    """
    rows = atlas.rows(
        f"""
        SELECT document, md5({NORMAL_FORM})
        FROM document
        JOIN corpus USING (corpus)
        WHERE document IN (SELECT unnest($1))
        ORDER BY content_hash, corpus.name
        """,
        [list(documents)],
    )
    return dict(rows)


def check_disjoint(positive: dict[int, str], control: dict[int, str]) -> None:
    """Refuse a contrast with one text on both sides; sides come from `contrasted_texts`.

    Raises:
        SelectionError: there is such a text.
    """
    both = set(positive.values()) & set(control.values())
    if both:
        raise SelectionError(
            f"{len(both)} texts are on both sides of the contrast, spaces, invisible characters and the spelling of "
            "accents apart; choose sets that share none"
        )


def _parse(name: str) -> tuple[str, str]:
    kind, equals, value = name.partition("=")
    return (kind, value) if equals and kind in ("domain", "term") else ("corpus", name)


def _near(atlas: Atlas, kind: str, value: str) -> str:
    names = {
        "corpus": "SELECT name FROM corpus UNION SELECT split_part(name, '/', 1) FROM corpus",
        "domain": "SELECT DISTINCT domain FROM corpus",
        "term": "SELECT DISTINCT term FROM document WHERE term IS NOT NULL",
    }[kind]
    known = sorted(row[0] for row in atlas.rows(names))
    near = difflib.get_close_matches(value, known, n=3, cutoff=0.5)
    if near:
        return f"; near it: {', '.join(near)}"
    return f"; this atlas has: {', '.join(known[:8])}" if known else f"; this atlas has no {kind} at all"
