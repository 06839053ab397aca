"""What is typed into the search box: a feature, or words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MOST_WORDS = 32
LONGEST_QUERY = 1000
WORD = re.compile(r"[^\W_]+", re.UNICODE)
NUMBER = re.compile(r"#?(\d{1,9})")
FEATURE = re.compile(r"(?P<sae>\S.*?)\s*[/#:]\s*#?(?P<feature>\d{1,9})/?")
NEURONPEDIA = re.compile(r"(https?://)?(www\.)?neuronpedia\.org/", re.IGNORECASE)


@dataclass(frozen=True)
class Named:
    """A feature as people write one: its index and, if they say so, its SAE in any spelling."""

    feature: int
    sae: str | None = None

    @property
    def spelled_out(self) -> bool:
        """Whether it can be nothing but a feature: `blocks.8/6489`, but not `at 10:30`."""
        return self.sae is not None and " " not in self.sae and "/" in self.sae


def search_box_feature(text: str) -> Named | None:
    """The feature that a text names: 1646, #1646, RELEASE/SAE_ID#1646 or Neuronpedia's gpt2-small/8-res-jb/6489."""
    if number := NUMBER.fullmatch(text):
        return Named(int(number[1]))
    spelled = FEATURE.fullmatch(NEURONPEDIA.sub("", text).partition("?")[0])
    return Named(int(spelled["feature"]), spelled["sae"]) if spelled else None


def search_box_text(text: str) -> str:
    """What was typed, as a text of one line that a page can show: no control characters, not without end."""
    shown = "".join(character if character.isprintable() else " " for character in text[:LONGEST_QUERY])
    return shown.strip()


def search_box_words(text: str) -> tuple[str, ...]:
    """The words of a text as they are searched for: letters and digits, each once, at most MOST_WORDS."""
    found = dict.fromkeys(word.lower() for word in WORD.findall(text))
    return tuple(found)[:MOST_WORDS]


def match_expression(words: Sequence[str], joined_by: str) -> str:
    """Words in the language of SQLite's full-text search, where each is quoted and so none is an operator."""
    return f" {joined_by} ".join(f'"{word}"' for word in words)


def marked_pieces(text: str, opened: str, closed: str) -> list[dict[str, object]]:
    """A text with marks as its pieces, in order, each marked or not."""
    pieces: list[dict[str, object]] = []
    for number, piece in enumerate(re.split(f"{re.escape(opened)}|{re.escape(closed)}", text)):
        if piece:
            pieces.append({"text": piece, "marked": bool(number % 2)})
    return pieces
