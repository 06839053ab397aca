"""The sequences of a delphi cache: what of each is text, and whether all that its files give is of that text.

A cache that an atlas has written says so in its config.json (`source`), and what stands around the text of a sequence:
BOS before it (`prepend_bos`), and after a shorter one the token that fills it up (`filler`, or null). Where it says
neither, as older ones do not, both are BOS. Of any other cache every token is text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from jaxtyping import Int

from atlas.exchange.arrivals.caches import (
    Activations,
    Tokens,
    features_of_cache_file,
    read_activations,
    read_cached_token_ids,
)
from atlas.exchange.arrivals.files import Export
from schema.errors import SourceError

HELD = 16_000_000
"""Places of activations that are in memory at a time, where each is to be there once."""


@dataclass(frozen=True)
class Layout:
    """Where the text of a sequence lies: at which position it begins, and the token that follows a shorter one."""

    first: int
    filler: int | None

    def ends(self, block: Tokens) -> Int[np.ndarray, " sequence"]:
        """The position after the last token of each text."""
        width = block.shape[1]
        if self.filler is None:
            return np.full(len(block), width)
        text = block != self.filler
        text[:, : self.first] = False
        return np.where(text.any(axis=1), width - text[:, ::-1].argmax(axis=1), self.first)


def cache_layout(export: Export, bos: int | None) -> Layout:
    """What the config.json of a cache says of its sequences; `bos` is what an older one of an atlas has.

    Raises:
        SourceError: it says one thing and not the other, or something else than it should.
    """
    config = export.said.said["config"]
    if "source" not in config:
        return Layout(0, None)
    if "prepend_bos" not in config and "filler" not in config:
        return Layout(1, bos)
    begins, filler = config.get("prepend_bos"), config.get("filler", False)
    if not isinstance(begins, bool) or (filler is not None and (type(filler) is not int or filler < 0)):
        raise SourceError(
            f"{export.folder / 'config.json'}: prepend_bos is true or false, and filler a token's number or null, "
            "in a cache that an atlas has written; export it again"
        )
    return Layout(int(begins), filler)


def check_cache(files: Sequence[Path], d_vocab: int, own: Layout) -> None:
    """Read a cache once, to find what is wrong with it.

    Raises:
        SourceError: as `activations`; a token is none of the tokenizer's; files have different sequences; an activation
            stands beside the text of its sequence, or twice.
    """
    found, ends = sha256(), []
    for first, block in read_cached_token_ids(files[0]):
        if ((block < 0) | (block >= d_vocab)).any():
            raise SourceError(
                f"{files[0]}: sequences from {first:,} on have tokens beyond the {d_vocab:,} of the tokenizer; "
                "name the model that the cache is of: --tokenizer NAME"
            )
        found.update(block.tobytes())
        ends.append(own.ends(block))
    for file in files[1:]:
        if _hash(file) != found.digest():
            raise SourceError(f"{file} has other tokens than {files[0]}; the files of a folder are of one run")
    end = np.concatenate(ends) if ends else np.zeros(0, np.int64)
    for file in files:
        count = sum(_on_text(file, part, own.first, end) for part in read_activations(file))
        _check_once(file, count, int(end.max(initial=0)))


def _hash(path: Path) -> bytes:
    found = sha256()
    for _, block in read_cached_token_ids(path):
        found.update(block.tobytes())
    return found.digest()


def _on_text(path: Path, part: Activations, first: int, end: Int[np.ndarray, " sequence"]) -> int:
    """How many activations a part has, each on the text of its sequence."""
    beside = (part.position < first) | (part.position >= end[part.sequence])
    if beside.any():
        row = int(beside.argmax())
        sequence = int(part.sequence[row])
        raise SourceError(
            f"{path}: an activation is at position {part.position[row]} of sequence {sequence}, whose text is at "
            f"{first} to {end[sequence] - 1}; its config.json is of another cache, or too old: export it again"
        )
    return len(beside)


def _check_once(path: Path, count: int, width: int) -> None:
    """Hold the places of a file's activations against each other, some at a time, and equal ones at the same time."""
    start, last = features_of_cache_file(path)
    features = last - start + 1
    times = -(-count // HELD)
    for time in range(times):
        numbers = (
            (part.sequence * width + part.position) * features + part.feature - start for part in read_activations(path)
        )
        places = np.sort(np.concatenate([number[number % times == time] for number in numbers]))
        twice = places[1:][places[1:] == places[:-1]]
        if len(twice):
            place, feature = divmod(int(twice[0]), features)
            raise SourceError(
                f"{path}: feature {feature + start} has two activations at position {place % width} of sequence "
                f"{place // width}; get it anew"
            )
