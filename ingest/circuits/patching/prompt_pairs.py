"""Two prompts of equal token count: a clean one, and a corrupted one that differs in what is asked about.

Pairs come from a file, or from the documents of an atlas: those of both sides that share a template.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ingest.attribution.prompts import Prompt, prompt_of_text, prompts_of_documents
from ingest.encode.windows import Tokenization
from schema.errors import SelectionError
from schema.store import Atlas


@dataclass(frozen=True)
class PromptPair:
    """A clean and a corrupted prompt; `template` is what the documents share."""

    clean: Prompt
    corrupted: Prompt
    template: str | None = None

    def __len__(self) -> int:
        return len(self.clean)

    @property
    def first_difference(self) -> int:
        """The first token that differs, from 0."""
        differing = np.flatnonzero(self.clean.token_ids != self.corrupted.token_ids)
        return int(differing[0]) if len(differing) else len(self)

    def until(self, tokens: int) -> "PromptPair":
        """The first tokens of both."""
        return PromptPair(self.clean.until(tokens), self.corrupted.until(tokens), self.template)


def pair_of_texts(clean: str, corrupted: str, tokenization: Tokenization) -> PromptPair:
    """The pair that two texts are.

    Raises:
        SelectionError: they are not as long as each other, are the same, or one is no prompt.
    """
    pair = PromptPair(prompt_of_text(clean, tokenization), prompt_of_text(corrupted, tokenization))
    counts = len(pair.clean), len(pair.corrupted)
    if counts[0] != counts[1]:
        raise SelectionError(
            f"a pair needs as many tokens on both sides: {clean[:40]!r} has {counts[0]}, {corrupted[:40]!r} {counts[1]}"
        )
    if pair.first_difference == len(pair):
        raise SelectionError(f"both prompts of the pair are {clean[:60]!r}; a pair has to differ")
    return pair


def read_pairs(path: Path) -> Iterator[tuple[str, str]]:
    """The pairs of a file, one JSON object with `clean` and `corrupted` a line.

    Raises:
        SelectionError: the file cannot be read, or a line is no pair.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SelectionError(f"{path} cannot be read: {reason}; give a file of pairs, one a line") from error
    found = [_pair(path, number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not found:
        raise SelectionError(f"{path} holds no pairs; a line is " + '{"clean": "...", "corrupted": "..."}')
    yield from found


def _pair(path: Path, number: int, line: str) -> tuple[str, str]:
    try:
        pair = json.loads(line)
        clean, corrupted = pair["clean"], pair["corrupted"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise SelectionError(
            f"{path}: line {number} is no pair; a line is " + '{"clean": "...", "corrupted": "..."}'
        ) from error
    if not (isinstance(clean, str) and isinstance(corrupted, str)):
        raise SelectionError(f"{path}: line {number}: clean and corrupted are not both text")
    return clean, corrupted


@dataclass(frozen=True)
class Matched:
    """Pairs of documents, and the token counts of those that are not as long as each other."""

    pairs: list[PromptPair]
    unequal: list[tuple[int, int]]


def pairs_of_sets(atlas: Atlas, clean: Sequence[str], corrupted: Sequence[str], tokenization: int) -> Matched:
    """The documents of two sets that share a template, in the order of ingest; texts of one window alone.

    Raises:
        SelectionError: a set selects nothing, no template is on both sides, or no pair is of equal length and differs.
    """
    sides = [_by_template(atlas, sets, tokenization) for sets in (clean, corrupted)]
    pairs = [
        PromptPair(one, other, template)
        for template, prompts in sides[0].items()
        for one, other in zip(prompts, sides[1].get(template, []), strict=False)
    ]
    if not pairs:
        raise SelectionError(
            f"no document of {', '.join(clean)} shares a template with one of {', '.join(corrupted)}; "
            "give pairs of your own: --pairs FILE"
        )
    equal = [pair for pair in pairs if len(pair.clean) == len(pair.corrupted)]
    differing = [pair for pair in equal if pair.first_difference < len(pair)]
    unequal = [(len(pair.clean), len(pair.corrupted)) for pair in pairs if len(pair.clean) != len(pair.corrupted)]
    if equal and not differing:
        same = f"{len(equal)} of the {len(pairs)} pairs have the same text on both sides"
        raise SelectionError(f"{same}, and the others not as many tokens; --clean and --corrupted have to differ")
    if not differing:
        counts = f" ({unequal[0][0]} and {unequal[0][1]} in the first)" if unequal else ""
        raise SelectionError(f"none of the {len(pairs)} pairs has as many tokens on both sides{counts}")
    return Matched(differing, unequal)


def _by_template(atlas: Atlas, sets: Sequence[str], tokenization: int) -> dict[str, list[Prompt]]:
    prompts = prompts_of_documents(atlas, sets, tokenization, None)
    rows = atlas.rows("SELECT document, template FROM document WHERE template IS NOT NULL")
    template, windows = dict(rows), defaultdict[int | None, list[Prompt]](list)
    for prompt in prompts:
        windows[prompt.document].append(prompt)
    found: dict[str, list[Prompt]] = defaultdict(list)
    for document, own in windows.items():
        if document in template and len(own) == 1:
            found[template[document]].append(own[0])
    return found
