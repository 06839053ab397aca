"""Tokens in GPT-2's alphabet of bytes are read as the text they are of, and text is left alone."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers.convert_slow_tokenizer import bytes_to_unicode

from atlas.exchange import Wanted, export
from atlas.exchange.arrivals import ImportRequest, import_exports
from atlas.exchange.arrivals.spelling import ALPHABET, Evidence, window_as_bytes, window_as_text
from schema import open_atlas
from tests.atlas.exchange.test_import import dashboard_features, dashboards, feature, violations, window

LETTERS = bytes_to_unicode()
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def spelled(text: str, cuts: list[int]) -> list[str]:
    """A text in the alphabet of bytes, cut between bytes."""
    letters = "".join(LETTERS[byte] for byte in text.encode())
    ends = [0, *sorted({cut % (len(letters) + 1) for cut in cuts} - {0, len(letters)}), len(letters)]
    return [letters[start:end] for start, end in pairwise(ends)]


def judged(*windows: list[str]) -> bool:
    evidence = Evidence()
    for tokens in windows:
        evidence.take_window(tokens)
    return evidence.bytes_spelled


def test_the_alphabet_is_that_of_the_tokenizer() -> None:
    assert {letter: byte for byte, letter in LETTERS.items()} == ALPHABET


@given(TEXTS, st.lists(st.integers(0, 500), max_size=8))
def test_what_is_cut_between_bytes_is_the_text_with_every_token_in_its_place(text: str, cuts: list[int]) -> None:
    tokens = spelled(text, cuts)
    found = window_as_bytes(tokens)
    assert found.text == text
    done = 0
    for token, shown, (start, end) in zip(tokens, found.tokens, found.spans, strict=True):
        raw = text.encode()[done : done + len(token)]
        done += len(token)
        assert shown == raw.decode("utf-8", "replace")
        assert raw in text[start:end].encode() and len(text[start:end].encode()) - len(raw) < 7
    assert found.spans[0][0] == 0 and found.spans[-1][1] == len(text)
    assert judged(tokens) or text.isascii() or not set("".join(tokens)) - set(text)


@given(TEXTS)
def test_text_is_left_alone_or_reads_the_same(text: str) -> None:
    tokens = [" the", *text, " end"]
    if judged(tokens, [" caf\u00e9", " now"]):
        raise AssertionError(tokens)
    assert window_as_text(tokens).text == "".join(tokens)


@pytest.mark.parametrize(
    ("tokens", "in_bytes"),
    [
        (["\u0120disease", "s"], True),
        (["a", "\u010a"], True),
        (["Hillary", "\u00e2\u0122", "\u013b", "s"], True),
        (["\u013b", "s", " it", "\u00e2\u0122", "\u013b"], True),  # a window that begins in a character
        (["caf", "\u00c3\u00a9", " \u2013", "\u00e2\u0122"], True),  # a dash as itself, and an end in a character
        ([" caf\u00e9", " now"], False),
        (["Stra\u00dfe", "\u2019", "s"], False),
        (["\u0141\u00f3d\u017a", " \u0107ma"], False),
        (["\u00a3", "5"], False),
        (["plain", " text"], False),
        (["\u65e5", "\u672c"], False),
        (["\u0120the", " caf\u00e9", " now"], False),
    ],
)
def test_the_spelling_is_told_by_what_it_gives(tokens: list[str], in_bytes: bool) -> None:
    assert judged(tokens) is in_bytes


def test_a_file_in_bytes_is_read_as_text_and_comes_out_as_it_went_in(tmp_path: Path) -> None:
    tokens = spelled("na\u00efve \u2019s\n\u65e5", [3, 7, 9, 11])
    shown = {**window("x", [0.0]), "tokens": tokens, "values": [0.0, 2.5, 0.0, 1.5, 0.0][: len(tokens)]}
    ends = {"pos_str": ["\u0120the", "\u00e2\u0122"], "neg_str": ["\u010a"]}
    before = [feature(0, shown, **ends), feature(1, window("abc", [0, 1, 0]))]
    import_exports(ImportRequest(tmp_path / "a.duckdb", dashboards(tmp_path / "in", before)))
    with open_atlas(tmp_path / "a.duckdb", read_only=True) as atlas:
        texts = [text for (text,) in atlas.rows("SELECT text FROM document ORDER BY ALL")]
        (logits,) = atlas.rows("SELECT top_logits, bottom_logits FROM feature WHERE feature = 0")
    assert texts == ["abc", "na\u00efve \u2019s\n\u65e5"]
    assert logits == ('[[" the", 0.5], ["\ufffd", 0.25]]', '[["\\n", -0.125]]')
    assert violations(tmp_path / "a.duckdb") == []
    export(tmp_path / "a.duckdb", "saedashboard", tmp_path / "out", Wanted())
    for had, has in zip(before, dashboard_features(tmp_path / "out"), strict=True):
        assert [each["tokens"] for each in has["activations"]] == [each["tokens"] for each in had["activations"]]
        assert (has["pos_str"], has["neg_str"]) == (had["pos_str"], had["neg_str"])
    export(tmp_path / "a.duckdb", "neuronpedia", tmp_path / "bulk", Wanted())
    import_exports(ImportRequest(tmp_path / "b.duckdb", tmp_path / "bulk"))
    with open_atlas(tmp_path / "b.duckdb", read_only=True) as atlas:
        assert [text for (text,) in atlas.rows("SELECT text FROM document ORDER BY ALL")] == texts
