"""What one half of the documents chooses, the other half judges without bias; more of each kind is in `make faults`."""

import numpy as np
import pytest

from tests.made.apart import Judged, documents_of, judge, mean_of, relabelled, scores_of


def mean_judgement(group: np.ndarray, likes_books: float) -> Judged:
    rng = np.random.default_rng(3)
    scores = scores_of(rng, documents_of(group, 60), 600, likes_books)
    return mean_of([judge(relabelled(rng, scores)) for _ in range(12)])


@pytest.mark.parametrize(
    ("group", "likes_books"),
    [(np.arange(120), 0.0), (np.repeat(np.arange(30), 4), 1.5)],
    ids=["documents", "books"],
)
def test_where_labels_mean_nothing_so_does_what_is_chosen(group: np.ndarray, likes_books: float) -> None:
    found = mean_judgement(group, likes_books)
    assert abs(found.bias) < 0.02
    assert found.confirmed < 2, "1 of 40 by chance, at 95 % confidence"
    assert found.all_bias > 0.05, "what all documents choose, the half that judges included, is too good there"
    assert found.all_confirmed > found.confirmed + 0.75


def test_a_book_taken_apart_stands_in_both_halves() -> None:
    """That the test above can fail: pieces as documents by themselves, whose labels go by the book."""
    rng = np.random.default_rng(4)
    book = np.repeat(np.arange(30), 4)
    scores = scores_of(rng, documents_of(book, 60), 600, 1.5)
    found = []
    for _ in range(8):
        drawn = relabelled(rng, scores)
        apart = np.arange(len(book))
        halves = rng.random(len(book)) < 0.5
        documents = drawn.documents.__class__(**{**vars(drawn.documents), "group": apart, "confirmation": halves})
        found.append(judge(drawn.__class__(**{**vars(drawn), "documents": documents})))
    assert mean_of(found).confirmed > 5
