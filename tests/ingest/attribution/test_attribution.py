"""The games: shared prefixes give what whole forward passes give, and gradients what they promise."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ingest.attribution.feature_game import (
    FeatureGame,
    activation_gradient,
    integrated_gradients,
    players_and_remainder,
)
from ingest.attribution.readouts import Readout, feature_readout, token_readout
from ingest.attribution.shap_library import load_shap, run_shap_sequences, shap_partition_values, shap_text_measure
from ingest.attribution.shapley import every_coalition, exact_values, permutation_values
from ingest.attribution.study_filter import study_filter_ranks, study_filter_term_rank, study_filter_values, study_rule
from ingest.attribution.token_game import BASELINES, Baseline, TokenGame
from ingest.models.block_arithmetic import causal_attention
from ingest.models.gpt2 import GPT2
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from schema import SelectionError
from tests.made.tiny_models import loaded, tiny_sae

TOKENS = np.array([33, 319, 6159, 948, 5, 712])
BOS = 0
Subject = tuple[GPT2, SAE]


@pytest.fixture(scope="module")
def subject(pocket: tuple[LanguageModel, list[SAE]]) -> Subject:
    """The embedded model in float64, and its deeper SAE."""
    model, saes = pocket
    return GPT2.of(model.bridge, model.end_of_text).double(), saes[1]


def readouts(gpt2: GPT2, sae: SAE) -> dict[str, Readout]:
    """One of each kind."""
    return {
        "logit": token_readout(gpt2, [5, 99], "logit"),
        "log_probability": token_readout(gpt2, [5], "log_probability"),
        "largest": feature_readout(sae, range(64), largest=True),
        "feature": feature_readout(sae, range(40), largest=False),
    }


@torch.no_grad()
def one_by_one(gpt2: GPT2, readout: Readout, coalitions: np.ndarray, baseline: Baseline) -> np.ndarray:
    """Each coalition as a forward pass of its own."""
    hidden = {"end_of_text": gpt2.W_E[BOS], "mean_embedding": gpt2.W_E.mean(0)}.get(baseline)
    embedded, found = gpt2.W_E[torch.from_numpy(TOKENS)], []
    for row in torch.from_numpy(coalitions):
        kept = embedded[row] if hidden is None else torch.where(row[:, None], embedded, hidden)
        resid = torch.cat([gpt2.W_E[[BOS]], kept])
        acts = gpt2.value_at(readout.hook_name, (resid + gpt2.W_pos[: len(resid)])[None], causal_attention)
        given = readout.measure(acts)[0]
        last = given[1:].amax(0) if len(given) > 1 else torch.zeros_like(given[0])
        found.append(last if readout.largest else given[-1])
    return torch.stack(found).numpy()


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("kind", ["logit", "log_probability", "largest", "feature"])
def test_a_trie_gives_what_whole_passes_give(subject: Subject, kind: str, baseline: Baseline) -> None:
    gpt2, sae = subject
    readout = readouts(gpt2, sae)[kind]
    game = TokenGame(gpt2, readout, TOKENS, BOS, baseline)
    some = every_coalition(len(TOKENS))[np.random.default_rng(0).permutation(64)[:23]]
    for coalitions in (every_coalition(len(TOKENS)), some):
        np.testing.assert_allclose(game(coalitions), one_by_one(gpt2, readout, coalitions, baseline), atol=1e-9)


def test_chunks_of_the_trie_change_nothing(subject: Subject) -> None:
    gpt2, sae = subject
    game = TokenGame(gpt2, readouts(gpt2, sae)["logit"], TOKENS, BOS, "end_of_text")
    whole = game(every_coalition(6))
    game.nodes = 20
    np.testing.assert_allclose(game(every_coalition(6)), whole, atol=1e-10)


def test_tokens_equal_shaps_exact_values_and_float32_is_near(
    subject: Subject, pocket: tuple[LanguageModel, list[SAE]]
) -> None:
    gpt2, sae = subject
    readout = readouts(gpt2, sae)["logit"]
    ours = exact_values(TokenGame(gpt2, readout, TOKENS, BOS, "end_of_text"), 6).values[:, 0]

    def of_rows(rows: np.ndarray) -> np.ndarray:
        return one_by_one(gpt2, readout, rows > 0.5, "end_of_text")[:, 0]

    theirs = load_shap().ExactExplainer(of_rows, load_shap().maskers.Independent(np.zeros((1, 6))))(np.ones((1, 6)))
    np.testing.assert_allclose(ours, theirs.values[0], atol=1e-8)
    narrow = replace(GPT2.of(pocket[0].bridge, BOS), fused=True)
    single = exact_values(TokenGame(narrow, token_readout(narrow, [5], "logit"), TOKENS, BOS, "end_of_text"), 6).values
    assert np.abs(single[:, 0] - ours).max() < 1e-4 * np.abs(ours).max()


def test_tokens_cannot_all_be_removed(subject: Subject) -> None:
    gpt2, sae = subject
    with pytest.raises(SelectionError, match="without a BOS"):
        TokenGame(gpt2, readouts(gpt2, sae)["logit"], TOKENS, None, "removal")


def test_a_window_without_bos_is_explained(subject: Subject) -> None:
    gpt2, sae = subject
    game = TokenGame(gpt2, readouts(gpt2, sae)["logit"], TOKENS, None, "end_of_text")
    resid = gpt2.embed(torch.from_numpy(TOKENS)[None])
    with torch.no_grad():
        full = game.readout.measure(gpt2.value_at(gpt2.last_hook, resid, causal_attention)[0, -1])
    np.testing.assert_allclose(game(np.ones((1, 6), dtype=bool))[0], full, atol=1e-9)


def feature_game(subject: Subject, *, every_position: bool, baseline: np.ndarray | None = None) -> FeatureGame:
    """The features active on the last token."""
    gpt2, sae = subject
    tokens = torch.from_numpy(np.concatenate([[BOS], TOKENS]))
    with torch.no_grad():
        resid = gpt2.value_at(sae.hook_name, gpt2.embed(tokens[None]), causal_attention)[0]
    parts = players_and_remainder(sae, resid, baseline)
    return FeatureGame(gpt2, token_readout(gpt2, [5], "logit"), parts, sae.hook_layer, every_position=every_position)


@pytest.mark.parametrize("every_position", [False, True])
@pytest.mark.parametrize("mean", [False, True])
def test_features_give_what_a_patched_pass_gives(subject: Subject, every_position: bool, mean: bool) -> None:
    gpt2, sae = subject
    baseline = np.full(sae.d_sae, 0.25, np.float32) if mean else None
    game = feature_game(subject, every_position=every_position, baseline=baseline)
    players = len(game.contributions)
    coalitions = np.random.default_rng(0).random((9, players)) < 0.5
    coalitions[0], coalitions[1] = True, False
    tokens = torch.from_numpy(np.concatenate([[BOS], TOKENS]))
    with torch.no_grad():
        resid = gpt2.value_at(sae.hook_name, gpt2.embed(tokens[None]), causal_attention)[0]
        for coalition, value in zip(coalitions, game(coalitions), strict=True):
            patched = resid.clone()
            there = patched[1:] if every_position else patched[-1:]
            taken = game.contributions[torch.from_numpy(~coalition)].sum(0)
            there -= taken[1:] if every_position else taken
            run = gpt2.value_at(gpt2.last_hook, patched[None], causal_attention, sae.hook_layer)
            assert value[0] == pytest.approx(float(game.readout.measure(run[0, -1])), abs=1e-9)


def test_features_of_the_last_stream_are_read_by_the_final_norm_alone(subject: Subject) -> None:
    gpt2, _ = subject
    sae = loaded(tiny_sae("topk", 256, 64, k=5, hook_name=gpt2.last_hook))
    tokens = torch.from_numpy(np.concatenate([[BOS], TOKENS]))
    with torch.no_grad():
        resid = gpt2.value_at(gpt2.last_hook, gpt2.embed(tokens[None]), causal_attention)[0]
    parts, readout = players_and_remainder(sae, resid, None), token_readout(gpt2, [5], "logit")
    coalitions = np.array([[True] * 6, [True, False] * 3])
    for every_position in (False, True):
        game = FeatureGame(gpt2, readout, parts, len(gpt2.blocks), every_position=every_position)
        taken = (game.contributions[1::2, -1]).sum(0)
        expected = [float(readout.measure(stream)) for stream in (resid[-1], resid[-1] - taken)]
        np.testing.assert_allclose(game(coalitions)[:, 0], expected, atol=1e-9)


def test_no_feature_at_all_is_the_decoders_bias(subject: Subject) -> None:
    game = feature_game(subject, every_position=False)
    nothing = game.stream(torch.zeros(1, len(game.contributions), dtype=torch.float64))
    torch.testing.assert_close(nothing[0, 0], subject[1].module.b_dec.double(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("every_position", [False, True])
def test_gradients_hold_what_they_promise(subject: Subject, every_position: bool) -> None:
    game = feature_game(subject, every_position=every_position)
    players = len(game.contributions)
    base, full = game(np.stack([np.zeros(players, bool), np.ones(players, bool)]))[:, 0]
    assert integrated_gradients(game, 256).sum() == pytest.approx(full - base, rel=0.01)
    step = 1e-5
    for player in range(0, players, 5):
        less = torch.ones(1, players, dtype=torch.float64)
        less[0, player] -= step
        with torch.no_grad():
            slope = (full - float(game.measure(game.stream(less)))) / step
        assert activation_gradient(game)[player] == pytest.approx(slope, rel=1e-2, abs=1e-4)


def test_sampled_values_of_trained_weights_are_near_the_exact_ones(subject: Subject) -> None:
    gpt2, sae = subject
    game = TokenGame(gpt2, readouts(gpt2, sae)["logit"], TOKENS, BOS, "end_of_text")
    exact, sampled = exact_values(game, 6).values, permutation_values(game, 6, 10).values
    assert np.abs(sampled - exact).max() < 0.1 * np.abs(exact).max()


def test_shaps_partition_explainer_runs_in_batches(pocket: tuple[LanguageModel, list[SAE]]) -> None:
    model, _ = pocket
    gpt2 = GPT2.of(model.bridge, model.end_of_text)
    measure = shap_text_measure(gpt2, token_readout(gpt2, [5], "logit"), model.tokenizer, BOS)
    text = "Asthma causes a"
    tokens = len(model.tokenizer(text)["input_ids"])
    found = shap_partition_values(model.tokenizer, measure, text, tokens)
    assert found.residual == pytest.approx([0], abs=1e-4)
    assert found.base == pytest.approx(measure(["..."])[0], abs=1e-4)
    with pytest.raises(SelectionError, match="a masked text has 129 tokens, and the model 128 positions"):
        run_shap_sequences(gpt2, token_readout(gpt2, [5], "logit"), [[0] * 128, [0] * 129], 1)
    with pytest.raises(SelectionError, match="shap splits"):
        shap_partition_values(model.tokenizer, measure, text, tokens + 1)


def test_study_rule_reads_generated_tokens_as_input_tokens() -> None:
    values = np.array([[3.0, 1, 2], [0, 5, 6], [1, 0, 2], [9, 8, 0], [5, 1, 1]])
    tokens = ["A", "sth", " causes", " pain", "."]
    assert study_rule(values, tokens, "pain causes harm") == (["sth", " causes", "sth"], True)
    assert study_rule(values, tokens, "nothing here")[1] is False
    assert study_rule(values, tokens, "nothing CAUSES it") == (["sth", " causes", "sth"], True)


def test_rank_of_a_term_is_its_best_tokens() -> None:
    values = np.array([0.5, -3.0, 1.0, 2.0])
    start, end = np.array([0, 3, 6, 9]), np.array([3, 6, 9, 12])
    assert study_filter_ranks(values).tolist() == [4, 1, 3, 2]
    assert study_filter_term_rank(values, start, end, (0, 5)) == 1
    assert study_filter_term_rank(values, start, end, (7, 8)) == 3
    assert study_filter_term_rank(values, start, end, (20, 25)) is None


def test_study_values_equal_shaps_own_wrapper() -> None:
    """shap.Explainer(model, tokenizer), on a random model small enough for it."""
    model, tokenizer, gpt2 = tiny_writer()
    text = "a b c d"
    found = study_filter_values(gpt2, tokenizer, text)
    assert found is not None
    ours, tokens = found
    assert study_filter_values(gpt2, tokenizer, " ".join("abcde" * 10)) is None, (
        "fifty tokens leave nothing to generate"
    )
    theirs = load_shap().Explainer(model, tokenizer)([text], silent=True)
    assert tokens == list(theirs.data[0])
    assert ours.shape == theirs.values[0].shape
    np.testing.assert_allclose(ours, theirs.values[0], atol=1e-3)


def tiny_writer() -> tuple[torch.nn.Module, object, GPT2]:
    """A random GPT-2 of 20 words that generates up to 50 tokens."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate(["<|end|>", *"abcdefghijklmnop", ".", "..."])}
    backend = Tokenizer(WordLevel(words, unk_token="<|end|>"))
    backend.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>", bos_token="<|end|>")
    torch.manual_seed(3)
    config = GPT2Config(n_layer=2, n_head=2, n_embd=16, n_positions=64, vocab_size=len(words))
    config.bos_token_id = config.eos_token_id = 0
    model = GPT2LMHeadModel(config).eval().requires_grad_(requires_grad=False)
    for weights in model.parameters():
        weights.data *= 8
    model.config.task_specific_params = {"text-generation": {"do_sample": False, "max_length": 50}}
    bridge = build_bridge_from_module(model, "GPT2LMHeadModel", hf_config=config, model_name="writer")
    return model, tokenizer, GPT2.of(bridge, 0)


def test_standard_errors_of_features_of_pocket_cover_their_values(subject: Subject) -> None:
    """Ten tokens, all 1,024 coalitions: 8 pairs of orders against the exact values of the features that fire."""
    gpt2, sae = subject
    tokens = np.array([33, 319, 6159, 948, 5, 712, 90, 1801, 44, 2020])
    every = feature_readout(sae, range(sae.d_sae), largest=True)
    full = TokenGame(gpt2, every, tokens, BOS, "end_of_text")(np.ones((1, len(tokens)), dtype=bool))[0]
    firing = np.argsort(-full)[:20].tolist()
    game = TokenGame(gpt2, feature_readout(sae, firing, largest=True), tokens, BOS, "end_of_text")
    table, powers = game(every_coalition(len(tokens))), 2 ** np.arange(len(tokens))[::-1]
    exact = exact_values(lambda rows: table[rows @ powers], len(tokens)).values
    within = []
    for seed in range(40):
        estimate = permutation_values(lambda rows: table[rows @ powers], len(tokens), 8, seed)
        assert estimate.standard_error is not None
        assert (estimate.standard_error > 0).all()
        within.append(np.abs(estimate.values - exact) <= 2 * estimate.standard_error)
    assert np.mean(within) >= 0.95
