"""From texts to windows of tokens: offsets, BOS, special tokens, and windows that cover a text once."""

from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.encode.windows import Tokenization, Window, sampled_window, window_hash
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from ingest.models.spelling import spell_vocabulary

Pocket = tuple[LanguageModel, list[SAE]]
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=120)


@pytest.fixture(scope="module")
def tokenizer(pocket: Pocket) -> object:
    return pocket[0].tokenizer


def cut(tokenizer: object, text: str, context_size: int = 8, *, prepend_bos: bool = True) -> list[Window]:
    content_hash = blake2b(text.encode(), digest_size=16).hexdigest()
    return Tokenization(tokenizer, context_size, prepend_bos).windows([text], [content_hash])[0]


def token_ids(windows: list[Window]) -> list[int]:
    return [int(token) for window in windows for token in window.token_ids]


@settings(max_examples=60, deadline=None)
@given(text=TEXTS, context_size=st.integers(2, 12), prepend_bos=st.booleans())
def test_windows_cover_every_token_once_and_in_order(
    pocket: Pocket, text: str, context_size: int, prepend_bos: bool
) -> None:
    tokenizer = pocket[0].tokenizer
    windows = cut(tokenizer, text, context_size, prepend_bos=prepend_bos)
    assert [window.ordinal for window in windows] == list(range(len(windows)))
    full = context_size - prepend_bos
    assert all(len(window) == full for window in windows[:-1])
    assert 0 < len(windows[-1]) <= full
    assert token_ids(windows) == token_ids(cut(tokenizer, text, 10_000))
    assert tokenizer.decode(token_ids(windows)) == text


@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_spans_are_in_the_text_in_order_and_leave_nothing_out(pocket: Pocket, text: str) -> None:
    spans = [
        (int(start), int(end))
        for window in cut(pocket[0].tokenizer, text)
        for start, end in zip(window.char_start, window.char_end, strict=True)
    ]
    assert spans == sorted(spans)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert {place for start, end in spans for place in range(start, end)} == set(range(len(text)))


def test_spans_cut_the_text_where_its_tokens_are(tokenizer: object) -> None:
    text = "The kidneys filter blood; café, naïve, 東京."
    texts = spell_vocabulary(tokenizer)
    for window in cut(tokenizer, text):
        for token, start, end in zip(window.token_ids, window.char_start, window.char_end, strict=True):
            if "\ufffd" not in texts[token]:
                assert text[start:end] == texts[token]


def test_a_character_of_several_tokens_is_the_span_of_each(tokenizer: object) -> None:
    windows = cut(tokenizer, "a𓀀b", 100)
    texts = spell_vocabulary(tokenizer)
    parts = [i for i, token in enumerate(windows[0].token_ids) if "\ufffd" in texts[token]]
    assert len(parts) > 1
    assert {(int(windows[0].char_start[i]), int(windows[0].char_end[i])) for i in parts} == {(1, 2)}


@pytest.mark.parametrize("text", ["<|endoftext|>", "a<|endoftext|>b", "<|endoftext|><|endoftext|>", "<|endoftext|"])
def test_what_looks_like_a_special_token_is_text(pocket: Pocket, text: str) -> None:
    model = pocket[0]
    windows = cut(model.tokenizer, text, 100)
    assert model.bos_token_id not in token_ids(windows)
    assert "".join(spell_vocabulary(model.tokenizer)[token] for token in token_ids(windows)) == text


def test_bos_counts_towards_the_context_and_has_position_0(tokenizer: object) -> None:
    with_bos, without = Tokenization(tokenizer, 8, prepend_bos=True), Tokenization(tokenizer, 8, prepend_bos=False)
    assert (with_bos.window_tokens, with_bos.first_position) == (7, 1)
    assert (without.window_tokens, without.first_position) == (8, 0)


def test_texts_are_cut_apart_from_each_other(tokenizer: object) -> None:
    texts = ["One sentence.", "Another sentence, somewhat longer than the first.", "三"]
    together = Tokenization(tokenizer, 8, prepend_bos=True).windows(texts, ["00", "01", "02"])
    assert [token_ids(windows) for windows in together] == [token_ids(cut(tokenizer, text)) for text in texts]


def test_a_long_text_is_no_warning(tokenizer: object) -> None:
    assert sum(map(len, cut(tokenizer, "word " * 3000, 128))) >= 3000


def test_window_hashes_follow_from_text_and_ordinal_alone(tokenizer: object) -> None:
    text = "A text that is long enough for several windows of eight tokens each, whatever the tokenizer."
    once, again = cut(tokenizer, text), cut(tokenizer, text)
    assert [window.content_hash for window in once] == [window.content_hash for window in again]
    assert len({window.content_hash for window in once}) == len(once) > 1


def test_a_window_is_drawn_in_proportion_to_its_tokens() -> None:
    nothing = [np.zeros(size, dtype=np.int32) for size in (127, 127, 127, 19)]
    counts, n = np.zeros(4), 4000
    for number in range(n):
        hashes = [window_hash(f"{number:032x}", ordinal) for ordinal in range(4)]
        assert all(0 <= value < 2**63 for value in hashes)
        drawn = [Window(ordinal, zeros, zeros, zeros, hashes[ordinal]) for ordinal, zeros in enumerate(nothing)]
        counts[sampled_window(drawn)] += 1
    share = np.array([len(zeros) for zeros in nothing]) / 400
    assert (np.abs(counts - n * share) < 4 * np.sqrt(n * share * (1 - share))).all()


def test_the_vocabulary_has_the_text_of_every_token(pocket: Pocket) -> None:
    texts = spell_vocabulary(pocket[0].tokenizer)
    assert len(texts) == pocket[0].config.d_vocab
    assert texts[pocket[0].bos_token_id] == "<|endoftext|>"
    assert " the" in texts
