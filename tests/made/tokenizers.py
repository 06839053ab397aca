"""Tokenizers of the kinds that models have, trained on a few sentences: bytes, and SentencePiece in its variants."""

import json
from collections.abc import Callable
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

TEXTS = (
    "The nurse measured a fever of 39 degrees, and a great goose gave a gift.",
    "A heart and two lungs. He said: “naïve” – 再見, and the goose ran  away.",
)
"""With two spaces in a row, and characters that are no piece of the vocabulary."""

SPACE = "▁"
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
SPACED = ("llama2", "mistral", "metaspace_always")
"""Those that put a space before a text, and take it off what they decode."""


def _bytes() -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet)
    made.train_from_iterator(TEXTS, trainer)
    return made


def _pieces(*, strip: bool, **parts: Any) -> Tokenizer:
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    for name, part in parts.items():
        setattr(made, name, part)
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<unk>", "<s>", "</s>", *BYTES], limit_alphabet=40)
    made.train_from_iterator(TEXTS, trainer)
    steps = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    made.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if strip else steps)
    return made


def _llama2() -> Tokenizer:
    steps = [normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)]
    return _pieces(strip=True, normalizer=normalizers.Sequence(steps))


def _mistral() -> Tokenizer:
    return _pieces(strip=True, pre_tokenizer=pre_tokenizers.Metaspace(SPACE, prepend_scheme="first", split=False))


def _metaspace() -> Tokenizer:
    made = _pieces(strip=True, pre_tokenizer=pre_tokenizers.Metaspace(SPACE, prepend_scheme="always", split=False))
    made.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(SPACE, prepend_scheme="always")])
    return made


def _gemma() -> Tokenizer:
    return _pieces(strip=False, normalizer=normalizers.Replace(" ", SPACE))


TOKENIZERS: dict[str, Callable[[], Tokenizer]] = {
    "bytes": _bytes,
    "llama2": _llama2,
    "mistral": _mistral,
    "metaspace_always": _metaspace,
    "gemma": _gemma,
}


def make_tokenizer(kind: str, hole: int = 0) -> Any:
    """A tokenizer of transformers; of the ids from 300 on each is `hole` more, and nothing has those between."""
    from transformers import PreTrainedTokenizerFast

    made = TOKENIZERS[kind]()
    if hole:
        told = json.loads(made.to_str())
        told["model"]["vocab"] = {token: i + hole if i >= 300 else i for token, i in told["model"]["vocab"].items()}
        made = Tokenizer.from_str(json.dumps(told))
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>")
