"""The search box: every spelling of a feature, words of one token or several, sentences, and nothing at all."""

from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.site.live.plugin import ATTRIBUTE
from atlas.site.pages.find.found import found_on_page_by_spelling, found_token_is_in_word
from atlas.site.pages.find.typed import (
    MOST_WORDS,
    Named,
    marked_pieces,
    match_expression,
    search_box_feature,
    search_box_words,
)
from tests.made.activation_pages import Served, serving

FIRST, SECOND = "tiny/blocks.1.hook_resid_pre", "tiny/blocks.2.hook_resid_pre"


@pytest.fixture(scope="module")
def served(tiny_snapshot: Path) -> Iterator[Served]:
    with serving(tiny_snapshot) as found:
        yield found


def found(served: Served, text: str) -> dict[str, Any]:
    answer: dict[str, Any] = served.get("/find.json", q=text).json()
    return answer


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("1646", Named(1646)),
        ("#1646", Named(1646)),
        (f"{FIRST}#3", Named(3, FIRST)),
        (f"{FIRST}/3", Named(3, FIRST)),
        ("gpt2-small/8-res-jb/6489", Named(6489, "gpt2-small/8-res-jb")),
        ("https://www.neuronpedia.org/gpt2-small/8-res-jb/6489?x=1", Named(6489, "gpt2-small/8-res-jb")),
        ("at 10:30", Named(30, "at 10")),
        ("cancer", None),
        ("in 1997", None),
        ('"1997"', None),
        ("", None),
    ],
)
def test_a_feature_is_understood_however_it_is_spelled(text: str, named: Named | None) -> None:
    assert search_box_feature(text) == named


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (f"{FIRST}#3", f"/feature/{FIRST}/3"),
        (f" {SECOND}/11 ", f"/feature/{SECOND}/11"),
        ("tiny/1-res/4", f"/feature/{FIRST}/4"),
        ("https://neuronpedia.org/tiny/1-res/4", f"/feature/{FIRST}/4"),
        ("blocks.2.hook_resid_pre#0", f"/feature/{SECOND}/0"),
        (FIRST, f"/sae/{FIRST}"),
        ("tiny/1-res", f"/sae/{FIRST}"),
    ],
)
def test_what_only_one_thing_is_called_leads_to_it(text: str, address: str, served: Served) -> None:
    answer = served.get("/find", 302, q=text)
    assert answer.headers["location"] == address
    assert served.get(address).status_code == 200


def test_a_number_is_that_feature_of_every_sae(served: Served) -> None:
    assert [row["address"] for row in found(served, "3")["features"]] == [f"/feature/{FIRST}/3", f"/feature/{SECOND}/3"]


def test_labels_are_found_by_their_words_whoever_made_them(served: Served) -> None:
    labels = found(served, "Disease")["labelled"]
    assert [(row["address"], row["label"], row["auroc"]) for row in labels] == [
        (f"/feature/{FIRST}/1", "names of diseases", 0.5)
    ]
    assert [row["address"] for row in found(served, "canc asth")["labelled"]] == [
        f"/feature/{FIRST}/1",
        f"/feature/{SECOND}/4",
    ]
    assert found(served, "cancer body")["labelled"] == []
    page = served.get("/find", q="canc asth").text
    assert "Features with such a label" in page
    assert "0.9375" in page


def test_an_index_too_large_is_answered_with_the_largest(served: Served) -> None:
    page = served.get("/find", q=f"{FIRST}#12").text
    assert f"The SAE {FIRST} has features 0 to 11; indices are zero-based." in page
    assert found(served, f"{FIRST}#12")["by_word"] == []


def test_a_feature_of_an_sae_that_is_not_here(served: Served) -> None:
    page = served.get("/find", q="gpt2-small-res-jb/blocks.8.hook_resid_pre#6489").text
    assert "This atlas holds no SAE gpt2-small-res-jb/blocks.8.hook_resid_pre." in page
    assert f"{FIRST}, {SECOND}" in page


def test_a_contrast_is_found_by_name_beside_the_word(served: Served) -> None:
    answer = found(served, "medical")
    assert {row["address"] for row in answer["contrasts"]} == {
        f"/contrast/medical?sae={sae}" for sae in (FIRST, SECOND)
    }


def test_a_word_finds_the_features_that_fire_on_it_and_little_else(served: Served) -> None:
    (word,) = found(served, "Asthma")["by_word"]
    best = word["features"][0]
    assert (word["word"], best["feature"], best["how"]) == ("asthma", 1, "token")
    assert (best["on_it"], best["share"]) == (1, pytest.approx(1 / 7))
    ranked = [row["on_it"] * row["share"] for row in word["features"]]
    assert ranked == sorted(ranked, reverse=True)


def test_a_word_of_several_tokens_finds_the_features_strongest_within_it(served: Served) -> None:
    """The tiny atlas's tokens are words with their commas, so `patients.` is a token and `patients` none."""
    (word,) = found(served, "patients")["by_word"]
    assert {row["how"] for row in word["features"]} == {"example"}
    assert 10 in [row["feature"] for row in word["features"]]


@pytest.mark.parametrize(
    ("sentence", "word", "within"),
    [
        ("It is ⟦tub⟧erculosis.", "tuberculosis", True),
        ("It is tuber⟦cul⟧osis.", "tuberculosis", True),
        ("It ⟦is⟧ tuberculosis.", "tuberculosis", False),
        ("A ⟦car⟧t is no car.", "car", False),
        ("A cart is no ⟦Car⟧.", "car", True),
        ("no mark", "mark", False),
    ],
)
def test_where_a_feature_is_strongest(sentence: str, word: str, within: bool) -> None:
    assert found_token_is_in_word(sentence, word) == within


def test_a_sentence_finds_those_with_all_its_words_before_those_with_some(served: Served) -> None:
    answer = found(served, "Measles causes a red rash")
    assert ["".join(part["text"] for part in row["parts"]) for row in answer["all"]] == ["Measles causes a red rash."]
    assert [part["text"] for part in answer["all"][0]["parts"] if part["marked"]] == [
        "Measles",
        "causes",
        "a",
        "red",
        "rash",
    ]
    assert len(answer["some"]) > 3
    assert answer["all"][0]["document"] not in {row["document"] for row in answer["some"]}
    assert served.get(answer["all"][0]["address"]).status_code == 200


def test_nothing_found_is_said_with_advice(served: Served) -> None:
    page = unescape(served.get("/find", q="zebrafish").text)
    assert "No feature, token or sentence of this atlas matches “<bdi>zebrafish</bdi>”." in page
    assert "indices are zero-based" in page
    assert not found(served, "zebrafish")["found"]
    assert "Nothing found" not in served.get("/find").text


@pytest.mark.parametrize(
    "text",
    [
        '"',
        "'; DROP TABLE document; --",
        "cancer AND OR NOT NEAR(",
        "text:cancer ^cancer cancer*",
        "* - + ( ) { } [ ] : ^",
        "\x01 \x02 \x03",
        "<script>alert(1)</script>",
        "x" * 5000,
        "cancer " * 1000,
        "９９９ ١٢٣ 漢字 שלום",
        "#99999999999999999999",
    ],
)
def test_whatever_is_typed_is_text(text: str, served: Served) -> None:
    page = served.get("/find", q=text).text
    assert "<script" not in page
    assert "\x01" not in page


@given(st.text(max_size=80))
def test_a_query_of_words_holds_no_operator(text: str) -> None:
    words = search_box_words(text)
    assert len(words) <= MOST_WORDS
    assert len(set(words)) == len(words)
    assert all(word.replace("_", "x").isalnum() for word in words)
    assert match_expression(words, "OR").count('"') == 2 * len(words)


def test_marks_become_pieces() -> None:
    assert marked_pieces("a [b] c", "[", "]") == [
        {"text": "a ", "marked": False},
        {"text": "b", "marked": True},
        {"text": " c", "marked": False},
    ]


def test_live_reading_is_offered_where_the_server_does_it(served: Served) -> None:
    assert found(served, "a cough")["live"] is None
    setattr(served.datasette, ATTRIBUTE, object())
    try:
        assert found(served, "a cough & more")["live"] == "/live?text=a+cough+%26+more"
    finally:
        delattr(served.datasette, ATTRIBUTE)


@pytest.mark.parametrize(
    "path", ["/runs", f"/sae/{FIRST}", "/contrast/medical", "/atlas", "/atlas/document", "/atlas/candidates"]
)
def test_every_page_has_the_search_box(path: str, served: Served) -> None:
    page = served.get(path).text
    assert page.count('action="/find" role="search"') == 1


def test_a_token_that_is_no_word_finds_the_features_that_fire_on_it(served: Served) -> None:
    """The tiny atlas' tokens are words, so a word's features are asked for by its token as a whole."""
    (word,) = found(served, "causes")["by_word"]
    assert served.run(found_on_page_by_spelling(served.datasette, "causes", 20)) == word["features"]
    assert found(served, "--")["by_word"] == []
    assert "nearest to it, those most opposite" in served.get("/find").text
