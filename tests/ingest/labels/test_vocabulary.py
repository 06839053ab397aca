"""Items of tokens: words whole, pieces marked, classes, and singular and plural as one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.labels.vocabulary import NOTHING, Vocabulary, canonical_label_word, singular_label_word, vocabulary_items


def spelled(*texts: str) -> list[list[str]]:
    """The items of tokens that stand right after each other."""
    vocabulary = Vocabulary()
    items = vocabulary_items(texts, np.arange(len(texts)) > 0, vocabulary)
    return [[vocabulary.spelled[item] for item in row if item != NOTHING] for row in items]


def test_a_word_of_several_tokens_is_named_by_the_whole_and_by_its_pieces() -> None:
    assert spelled("Bron", "ch", "itis", " hurts", ".") == [
        ["bronchitis", "bron-", "<capitalised>"],
        ["bronchitis", "-ch-"],
        ["bronchitis", "-itis"],
        ["hurts"],
        [".", "<punctuation>"],
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (" 1997", "<number>"),
        (" DNA", "<capitals>"),
        (" I", "<capitalised>"),
        ("\n\n", "<newline>"),
        (" (", "<punctuation>"),
    ],
)
def test_a_token_has_its_class(text: str, kind: str) -> None:
    assert spelled(text)[0][-1] == kind


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("diseases", "disease"),
        ("cities", "city"),
        ("causes", "cause"),
        ("cells", "cell"),
        ("virus", "virus"),
        ("loss", "loss"),
        ("diagnosis", "diagnosis"),
        ("gas", "gas"),
    ],
)
def test_plurals_count_as_the_singular(plural: str, one: str) -> None:
    assert singular_label_word(plural) == one
    vocabulary = Vocabulary()
    assert vocabulary.number(plural) == vocabulary.number(one.upper())


def test_pieces_are_not_taken_for_plurals() -> None:
    assert canonical_label_word("-is") == "-is"
    assert canonical_label_word("<class>") == "<class>"


@given(st.lists(st.sampled_from([" red", "dish", " 19", "97", ".", "\n", " Ab", "�", "", " "]), max_size=12), st.data())
def test_items_of_a_token_do_not_depend_on_what_stands_apart(texts: list[str], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(texts)))
    vocabulary = Vocabulary()
    follows = np.arange(len(texts)) > 0
    follows[cut : cut + 1] = False
    whole = vocabulary_items(texts, follows, vocabulary)
    parts = [vocabulary_items(part, np.arange(len(part)) > 0, vocabulary) for part in (texts[:cut], texts[cut:])]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
