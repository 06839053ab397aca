"""What a token can be named by in a label: its word, its piece of a word, its class.

disease        the word that the token lies in, in lower case; plurals count as the singular
-itis, arth-   the token, where it is a piece of a word
<number>       what the token is, whatever it says: one of CLASSES
).             the token itself, where it holds no word

Source of the singular: Harman 1991, "How effective is suffixing?", the S stemmer.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Int

NOTHING = -1
WORD = re.compile(r"\w+")
ITEMS = 3
"""Items of a token: word, piece, class."""

CLASSES = {
    "<number>": "numbers",
    "<capitals>": "words in capitals",
    "<capitalised>": "capitalised words",
    "<punctuation>": "punctuation",
    "<newline>": "line breaks",
}
"""Classes, and what a label calls them."""


@dataclass
class Vocabulary:
    """Numbers of items, in the order in which they were met, and how each was first spelled."""

    numbers: dict[str, int] = field(default_factory=dict)
    spelled: list[str] = field(default_factory=list)
    joined: dict[tuple[str, ...], Int[np.ndarray, "piece item"]] = field(default_factory=dict)
    """The items of the pieces of words that were met."""

    def __len__(self) -> int:
        return len(self.spelled)

    def number(self, item: str) -> int:
        """The number of an item; a new one gets the next."""
        name = canonical_label_word(item)
        found = self.numbers.get(name)
        if found is None:
            found = self.numbers[name] = len(self.spelled)
            self.spelled.append(item)
        return found


def canonical_label_word(item: str) -> str:
    """What equal items have in common: lower case, and of a word the singular."""
    lower = item.lower()
    return singular_label_word(lower) if WORD.fullmatch(lower) else lower


@lru_cache(maxsize=100_000)
def singular_label_word(word: str) -> str:
    """A word in lower case without the ending of a plural."""
    if len(word) < 4 or not word.endswith("s"):
        return word
    if word.endswith("ies"):
        return word if word.endswith(("eies", "aies")) else word[:-3] + "y"
    if word.endswith("es"):
        return word if word.endswith(("aes", "ees", "oes")) else word[:-1]
    return word if word.endswith(("us", "ss", "is")) else word[:-1]


def vocabulary_items(
    texts: Sequence[str], follows: Bool[np.ndarray, " token"], vocabulary: Vocabulary
) -> Int[np.ndarray, "token item"]:
    """The items of each token, NOTHING where there is none; `follows` tells that it stands right after the one before.

    Shapes: (token, ITEMS): word, piece, class.
    """
    distinct = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    shapes = [_Shape.of(text) for text in distinct]
    code = np.fromiter((distinct[text] for text in texts), np.int64, len(texts))
    alone = np.array([_alone(shape, vocabulary) for shape in shapes], dtype=np.int32).reshape(-1, ITEMS)
    found: Int[np.ndarray, "token item"] = alone[code]
    begins, ends = (np.array([getattr(shape, name) for shape in shapes], dtype=bool) for name in ("begins", "ends"))
    joined = np.zeros(len(texts), dtype=bool)
    joined[1:] = follows[1:] & begins[code[1:]] & ends[code[:-1]]
    starts = np.flatnonzero(~joined)
    for first, after in pairwise([*starts.tolist(), len(texts)]):
        if after - first > 1:
            found[first:after] = _joined([shapes[place] for place in code[first:after]], vocabulary)
    return found


@dataclass(frozen=True)
class _Shape:
    """A token's text: whether a word before it goes on in it, and one in it goes on after it."""

    text: str
    word: str | None
    begins: bool
    ends: bool
    kind: str | None

    @classmethod
    def of(cls, text: str) -> "_Shape":
        bare = text.strip()
        found = WORD.search(bare)
        word = found.group() if found else None
        begins, ends = text[:1].isalnum(), text[-1:].isalnum()
        return cls(bare, word, begins, ends, _class_of(text, word))


def _class_of(text: str, word: str | None) -> str | None:
    if word is None:
        return "<newline>" if "\n" in text else "<punctuation>" if text.strip() else None
    if any(letter.isdigit() for letter in word):
        return "<number>"
    if word.isupper() and len(word) > 1:
        return "<capitals>"
    return "<capitalised>" if word[0].isupper() else None


def _alone(shape: _Shape, vocabulary: Vocabulary) -> tuple[int, int, int]:
    """The items of a token that no word goes on into, or out of."""
    named = shape.word or shape.text
    return (
        vocabulary.number(named.lower()) if named else NOTHING,
        NOTHING,
        vocabulary.number(shape.kind) if shape.kind else NOTHING,
    )


def _joined(shapes: list[_Shape], vocabulary: Vocabulary) -> Int[np.ndarray, "piece item"]:
    """The items of the pieces of one word: the whole of it, each piece's own spelling, and the class of the first."""
    pieces = tuple(shape.word or shape.text for shape in shapes)
    known = vocabulary.joined.get(pieces)
    if known is None:
        word = vocabulary.number("".join(shape.word or "" for shape in shapes).lower())
        rows = []
        for place, (piece, shape) in enumerate(zip(pieces, shapes, strict=True)):
            before, after = "-" if place else "", "-" if place < len(shapes) - 1 else ""
            kind = shape.kind if not place or shape.kind == "<number>" else None
            spelled = vocabulary.number(f"{before}{piece.lower()}{after}")
            rows.append((word, spelled, vocabulary.number(kind) if kind else NOTHING))
        known = vocabulary.joined[pieces] = np.array(rows, dtype=np.int32)
    return known
