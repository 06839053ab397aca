"""An atlas whose features mean what is planted: diseases, before numbers, says `the`, and many that mean nothing."""

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from tests.made.empty_atlas import write_empty_atlas
from tests.made.synthetic_atlas import Sentence, build_atlas

DISEASES, BEFORE_NUMBERS, SAYS_THE, RARE, LATE, SILENT = range(6)
FIRST_RANDOM, RANDOM = 6, 60
D_SAE = FIRST_RANDOM + RANDOM
DOCUMENTS, LENGTH = 300, 16

ILL = ("asthma", "measles", "cancer", "diabetes", "malaria", "anemia")
FILLING = tuple(
    f"{start}{end}" for start in ("bar", "mel", "tor", "sun", "gal", "ren") for end in ("dom", "lit", "ka", "os", "ine")
)


def worded_sentences(seed: int = 1) -> list[Sentence]:
    """Sentences of filling words, with diseases, numbers and `the` strewn in."""
    rng = np.random.default_rng(seed)
    words = [*ILL, *map(str, range(1900, 1930)), "the", *FILLING]
    chance = np.array([0.10 / 6] * 6 + [0.09 / 30] * 30 + [0.09] + [0.72 / len(FILLING)] * len(FILLING))
    drawn = rng.choice(len(words), size=(DOCUMENTS, LENGTH), p=chance / chance.sum())
    domains = ("text", *["text"] * 8, "more")
    return [
        Sentence(row.tolist(), domains[place % 10], words=[words[token] for token in row])
        for place, row in enumerate(drawn)
    ]


def planted_activations(sentences: list[Sentence], seed: int = 2) -> pa.Table:
    """Where each feature fires: columns document, position, feature, activation."""
    rng = np.random.default_rng(seed)
    rows = [
        (document, position, feature, float(rng.gamma(4.0)))
        for document, sentence in enumerate(sentences)
        for position, word in enumerate(sentence.spelled, start=1)
        for feature in _firing(rng, sentence.spelled, position, document)
    ]
    document, position, feature, activation = zip(*rows, strict=True)
    return pa.table(
        {
            "document": pa.array(document, pa.int32()),
            "position": pa.array(position, pa.int16()),
            "feature": pa.array(feature, pa.int32()),
            "activation": pa.array(activation, pa.float32()),
        }
    )


def _firing(rng: np.random.Generator, words: Sequence[str], position: int, document: int) -> list[int]:
    """The features that fire on a word; those that mean nothing do so by lot."""
    word, following = words[position - 1], words[position] if position < len(words) else ""
    found = [FIRST_RANDOM + int(number) for number in np.flatnonzero(rng.random(RANDOM) < 0.02)]
    if word in ILL:
        found.append(DISEASES)
    if following.isdigit():
        found.append(BEFORE_NUMBERS)
    if following == "the":
        found.append(SAYS_THE)
    if document < 3 and position == 1:
        found.append(RARE)
    return found


@cache
def _made() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path, sentences = write_empty_atlas(Path(folder) / "atlas.duckdb"), worded_sentences()
        build_atlas(path, sentences, D_SAE, planted_activations(sentences), {SAYS_THE: ("the", "their")})
        return path.read_bytes()


def write_worded_atlas(path: Path) -> Path:
    """Write the atlas, which is made once a process, to a new file; its path."""
    path.write_bytes(_made())
    return path
