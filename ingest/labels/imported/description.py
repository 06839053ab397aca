"""The words of a label that others wrote: what is sought in contexts to see whether the label is borne out.

Words in quotation marks all count. Of the rest, those that labels are written with (`references to`, `words related
to`) and those that are in every sentence say nothing. Names of classes stand for the classes.
"""

import re
from importlib.resources import files

from ingest.labels.vocabulary import WORD, singular_label_word

QUOTED = re.compile(r"[\"“”‘`']([^\"“”’`']{1,60})[\"“”’`'](?!\w)")

CLASS_NAMES = {
    "number": "<number>",
    "numeral": "<number>",
    "numeric": "<number>",
    "numerical": "<number>",
    "digit": "<number>",
    "year": "<number>",
    "punctuation": "<punctuation>",
    "capitalized": "<capitalised>",
    "capitalised": "<capitalised>",
    "uppercase": "<capitals>",
    "acronym": "<capitals>",
    "newline": "<newline>",
    "comma": ",",
    "period": ".",
    "colon": ":",
    "semicolon": ";",
    "parenthesis": "(",
    "parentheses": "(",
}
"""What a class, or a mark, is called in labels."""

SAYING = frozenset(files(__package__).joinpath("saying.txt").read_text(encoding="utf-8").split())
"""Words in the singular that labels are written with, and that are in every sentence."""


def words_of_imported_label(label: str) -> tuple[str, ...]:
    """The words that a label is judged by, each once, in its order."""
    quoted = [found.lower() for text in QUOTED.findall(label) for found in _spelled(text)]
    plain = [word.lower() for word in WORD.findall(QUOTED.sub(" ", label))]
    said = [
        CLASS_NAMES.get(singular_label_word(word), word)
        for word in plain
        if singular_label_word(word) not in SAYING and len(word) > 1
    ]
    return tuple(dict.fromkeys([*quoted, *said]))


def _spelled(quoted: str) -> list[str]:
    """The words of what stands in quotation marks, or the mark itself."""
    return WORD.findall(quoted) or [quoted.strip()] * bool(quoted.strip())
