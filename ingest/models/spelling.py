"""Single tokens by their text, and texts by their token.

A decoder of Llama's kind takes the space off that its tokenizer puts before every text, and with it the space that a
token begins with: such a token is read after another one.
"""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ingest.models.language_model import LanguageModel
from schema.errors import SelectionError


def token_text(model: LanguageModel, token_id: int) -> str:
    """The text of a token."""
    return _speller(model.tokenizer)(token_id)


def spell_vocabulary(tokenizer: Any) -> list[str]:
    """The text of every token id, <7> for one that no token has; a part of a character shows as U+FFFD."""
    return list(_spelled(tokenizer, len(tokenizer)))


@lru_cache(maxsize=8)
def _spelled(tokenizer: Any, tokens: int) -> tuple[str, ...]:
    """Each text, found once a tokenizer of so many tokens: it may be given more of them."""
    spelled, known = _speller(tokenizer), set(tokenizer.get_vocab().values())
    return tuple(spelled(i) if i in known else f"<{i}>" for i in range(max(known) + 1))


@lru_cache(maxsize=8)
def _speller(tokenizer: Any) -> Callable[[int], str]:
    """How a token is spelled; found once a tokenizer, since it takes the tokenizer's whole vocabulary to tell."""
    backend = tokenizer.backend_tokenizer

    def alone(token_id: int) -> str:
        return str(backend.decode([token_id], skip_special_tokens=False))

    anchor = tokenizer.get_vocab().get("a")
    if anchor is None or not _strips(backend):
        return alone
    before = len(alone(anchor))

    def after_another(token_id: int) -> str:
        return str(backend.decode([anchor, token_id], skip_special_tokens=False))[before:]

    return after_another


def _strips(backend: Any) -> bool:
    """Whether the decoder takes the space off that a text begins with."""
    decoder = json.loads(backend.to_str())["decoder"] or {}
    parts = [decoder, *decoder.get("decoders", ())]
    return any(part["type"] in ("Metaspace", "Strip") for part in parts)


def token_id(model: LanguageModel, text: str) -> int:
    """The token of a text such as ' pain'.

    Raises:
        SelectionError: it is not exactly one token.
    """
    ids = model.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    if len(ids) == 1:
        return int(ids[0])
    parts = ", ".join(repr(token_text(model, i)) for i in ids[:6]) or "none"
    raise SelectionError(
        f"'{text}' is not one token of {model.name} but {len(ids)} ({parts}); "
        "most words begin with a space: --target ' pain'"
    )
