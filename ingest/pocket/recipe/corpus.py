"""The training text, and the tokenizer made of it.

The text is JSON lines with doc_id, source, domain and text, without its share-alike parts; the tokenizer a byte-level
BPE like GPT-2's, with a vocabulary of its own.
"""

from __future__ import annotations

import glob
import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

SHARE_ALIKE: dict[str, tuple[str, ...]] = {
    "pytorch/examples:wikitext-2": ("",),
    "amir-zeldes/gum": ("gum:GUM_bio_", "gum:GUM_voyage_"),
    "paultopia/conlaw_casebook": ("conlaw:modules/", "conlaw:new_cases_2024/"),
}
"""Prefixes of the doc_ids, by source, that carry (or may carry) text under CC BY-SA and are not trained on.

The `unedited` opinions of the casebook are the court's own words, in the public domain, and stay.
"""


@dataclass(frozen=True)
class TrainingDocument:
    """One text of a corpus, with what its licence and its domain are told from."""

    doc_id: str
    source: str
    domain: str
    text: str

    @property
    def parent(self) -> str:
        """The work that the text is a piece of: a book, a law, a sitting, an article."""
        return f"{self.source}/{self.doc_id.partition('#')[0]}"


def is_training_source_share_alike(document: TrainingDocument) -> bool:
    """Whether a document lies under a share-alike licence, by its source and the prefix of its doc_id."""
    return document.doc_id.startswith(SHARE_ALIKE.get(document.source, ()))


def expand_training_globs(patterns: Iterable[str]) -> list[Path]:
    """The files that glob patterns name, sorted and each once.

    Raises: FileNotFoundError when a pattern matches nothing.
    """
    paths: set[Path] = set()
    for pattern in patterns:
        matches = glob.glob(pattern)  # noqa: PTH207 - Path.glob takes no absolute pattern
        if not matches:
            raise FileNotFoundError(f"no file matches {pattern!r}: give a path or a glob of .jsonl or .jsonl.gz files")
        paths.update(Path(match) for match in matches)
    return sorted(paths)


def read_documents(paths: Iterable[Path]) -> Iterator[TrainingDocument]:
    """Every document of the files, in order; a name that ends in .gz is decompressed."""
    for path in paths:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            for line in lines:
                row = json.loads(line)
                yield TrainingDocument(row["doc_id"], row["source"], row["domain"], row["text"])


def write_training_documents(documents: Iterable[TrainingDocument], path: Path) -> None:
    """JSON lines as `atlas ingest` reads them, each document with its work as its group."""
    with path.open("w", encoding="utf-8") as lines:
        for each in documents:
            fields = {"external_id": each.doc_id, "group": each.parent, "source": each.source, "domain": each.domain}
            lines.write(json.dumps(fields | {"text": each.text}, ensure_ascii=False) + "\n")


BOS = "<|endoftext|>"
BOS_ID = 0
"""The one special token: GPT-2's, as beginning and end of a text."""


def train_tokenizer(texts: Iterable[str], d_vocab: int) -> Tokenizer:
    """A byte-level BPE of `d_vocab` tokens over the texts; id 0 is `<|endoftext|>`.

    Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.2.
    """
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=d_vocab,
        special_tokens=[BOS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path, context_size: int) -> None:
    """Write the tokenizer so that `AutoTokenizer.from_pretrained(folder)` loads it without a network."""
    wrap: Any = PreTrainedTokenizerFast
    wrapped = wrap(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=BOS,
        unk_token=BOS,
        model_max_length=context_size,
    )
    wrapped.save_pretrained(str(folder))


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a folder, set to read `<|endoftext|>` inside a text as text."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    return tokenizer


def encode_training_texts(tokenizer: Tokenizer, texts: Iterable[str], batch: int = 256) -> Iterator[list[int]]:
    """The token ids of each text, in order, without BOS."""
    remaining = iter(texts)
    while chunk := list(islice(remaining, batch)):
        for encoding in tokenizer.encode_batch_fast(chunk, add_special_tokens=False):
            yield encoding.ids
