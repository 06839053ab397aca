"""What is left of a label when the words that labels are written with are taken out."""

import pytest

from ingest.labels.imported.description import words_of_imported_label


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("references to medical conditions and diseases", ("medical", "conditions", "diseases")),
        ("words related to sports", ("sports",)),
        ("the word 'the' in legal texts", ("the", "legal")),
        ('instances of "New York"', ("new", "york")),
        ("numbers and numerical values", ("<number>", "values")),
        ("punctuation marks, particularly commas", ("<punctuation>", "marks", ",")),
        ("the patient's heart", ("patient", "heart")),
        ("concepts related to the context", ()),
        ("", ()),
    ],
)
def test_the_words_that_say_something_are_left(label: str, words: tuple[str, ...]) -> None:
    assert words_of_imported_label(label) == words
