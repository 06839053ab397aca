"""The normal form of texts is what Python's own tables of Unicode say it is."""

import re
import sys
import unicodedata

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.contrasts.selection import NORMAL_FORM

BLANK = "".join(
    chr(code) for code in range(1, sys.maxunicode) if unicodedata.category(chr(code)) in ("Zs", "Zl", "Zp", "Cc")
)
INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff\u202e"
LETTERS = "ab.Åe\u0301ﬁ\u1e9b\u0323字"


def normal(text: str) -> str:
    visible = "".join(each for each in text if each not in INVISIBLE)
    return re.sub(f"[{re.escape(BLANK)}]+", " ", unicodedata.normalize("NFC", visible)).strip(" ")


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(st.sampled_from(LETTERS + INVISIBLE + BLANK + "   "), max_size=12), min_size=40, max_size=40))
def test_white_space_is_one_space_and_what_cannot_be_seen_is_nothing(texts: list[str]) -> None:
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT {NORMAL_FORM} FROM (SELECT unnest(?) AS text)", [texts]).fetchall()
    assert [row for (row,) in rows] == [normal(text) for text in texts]


def test_every_kind_of_white_space_is_a_space() -> None:
    texts = [f"a{each}b" for each in BLANK]
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT DISTINCT {NORMAL_FORM} FROM (SELECT unnest(?) AS text)", [texts]).fetchall()
    assert rows == [("a b",)]
