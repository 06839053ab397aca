"""What is encoded depends on the text, the model and the SAEs alone: not on the documents beside it, their order, the
size of a forward pass, the number of threads, or whether the model packs texts or fills them up.

Values are equal to float tolerance, and the active set is the same but for pre-activations at their threshold.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.encode.batch import BatchEncoder
from ingest.encode.passes import packed_passes
from ingest.encode.windows import Window
from ingest.models.hooked_model import HookedBridge
from ingest.models.language_model import LanguageModel, load_tokenizer
from ingest.models.sae import SAE
from tests.made.tiny_models import loaded, tiny_sae

D_MODEL, CONTEXT = 24, 16
AT_THRESHOLD = 1e-4
WORDS = ("asthma", "the", "narrowing", "of", "airways", "(1882)", "Koch", "bread", "東京", "a", "x")
Place = tuple[str, int, int, int]
"""Text, window, position, feature."""

texts = st.lists(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join), min_size=1, max_size=8, unique=True)


@cache
def model() -> LanguageModel:
    """A random GPT-2 of three blocks."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    sizes: dict[str, Any] = {"vocab_size": 8_192, "n_positions": 64, "n_embd": D_MODEL, "n_layer": 3, "n_head": 2}
    config = GPT2Config(**sizes, bos_token_id=0, eos_token_id=0, initializer_range=0.2)
    return LanguageModel.of(GPT2LMHeadModel(config), load_tokenizer("pocket"), "random")


@cache
def encoder(context_size: int = CONTEXT) -> BatchEncoder:
    """The model with SAEs of two architectures that read two of its hook points."""
    saes = [
        loaded(tiny_sae(architecture, d_in=D_MODEL, hook_name=hook_name), context_size=context_size)
        for architecture, hook_name in (("standard", "blocks.2.hook_resid_pre"), ("jumprelu", "blocks.1.hook_mlp_out"))
    ]
    return BatchEncoder.of(model(), saes)


def rows(by: BatchEncoder, batch: Sequence[str], sae: int) -> dict[Place, float]:
    """The activations of a batch, wherever its texts stand in it."""
    if not batch:
        return {}
    encoded = by.encode(batch, [""] * len(batch), [[True] * len(batch)] * len(by.saes))
    places = [(text, w.ordinal) for text, windows in zip(batch, encoded.windows, strict=True) for w in windows]
    table = encoded.activations[sae].to_pydict()
    columns = zip(table["window"], table["position"], table["feature"], table["activation"], strict=True)
    return {(*places[window], position, feature): value for window, position, feature, value in columns}


def assert_alike(found: dict[Place, float], expected: dict[Place, float], sae: SAE) -> None:
    """The same values; what fires on one side only is at its threshold."""
    least = sae.module.threshold.tolist() if sae.architecture == "jumprelu" else [0.0] * sae.d_sae
    for place in found.keys() ^ expected.keys():
        assert found.get(place, expected.get(place, 0.0)) - least[place[-1]] < AT_THRESHOLD, place
    both = sorted(found.keys() & expected.keys())
    ours, theirs = ([each[place] for place in both] for each in (found, expected))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Inside, PyTorch computes with as many."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@settings(max_examples=20, deadline=None)
@given(texts, st.data())
def test_neither_batches_nor_order_nor_passes_nor_threads_matter(batch: list[str], data: st.DataObject) -> None:
    order = data.draw(st.permutations(batch), label="order")
    cut = data.draw(st.integers(0, len(batch)), label="cut")
    by = replace(encoder(), forward_tokens=data.draw(st.sampled_from([1, 7, 40, 10_000]), label="forward_tokens"))
    with threads(data.draw(st.sampled_from([1, 2, 3]), label="threads")):
        parts = [(rows(by, order[:cut], s), rows(by, order[cut:], s)) for s in range(len(by.saes))]
    for s, (first, second) in enumerate(parts):
        alone = {place: value for text in batch for place, value in rows(encoder(), [text], s).items()}
        assert_alike(first | second, alone, by.saes[s])


@settings(max_examples=15, deadline=None)
@given(texts)
def test_packed_texts_give_what_padded_ones_give(batch: list[str]) -> None:
    by = encoder()
    bridge = HookedBridge(model())
    for s, sae in enumerate(by.saes):
        assert_alike(rows(by, batch, s), rows(replace(by, model=bridge), batch, s), sae)


@settings(max_examples=15, deadline=None)
@given(texts)
def test_a_longer_window_says_the_same_of_the_tokens_that_a_shorter_one_holds(batch: list[str]) -> None:
    short, long = encoder(), encoder(CONTEXT * 3)
    for s, sae in enumerate(short.saes):
        first = {place: value for place, value in rows(short, batch, s).items() if place[1] == 0}
        within = {place: value for place, value in rows(long, batch, s).items() if place[1] == 0 and place[2] < CONTEXT}
        assert_alike(within, first, sae)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(1, 100))
def test_passes_hold_every_window_once_and_are_of_like_size(lengths: list[int], tokens: int) -> None:
    empty = [np.zeros(n, np.int32) for n in lengths]
    windows = [Window(i, each, each, each, 0) for i, each in enumerate(empty)]
    found = list(packed_passes(range(len(windows)), windows, tokens))
    assert sorted(i for pack in found for i in pack) == list(range(len(windows)))
    assert [lengths[i] for pack in found for i in pack] == sorted(lengths)
    sizes = [sum(lengths[i] for i in pack) for pack in found]
    assert max(sizes) < tokens + max(lengths)
    assert len(found) <= -(-sum(lengths) // tokens)
