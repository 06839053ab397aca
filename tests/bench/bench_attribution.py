"""Attributions against `shap` called the study's way and against hooked passes: ratios, and errors.

    python -m tests.bench.bench_attribution [--prompts N] [--documents N]

Speed is measured on a model of GPT-2 small's shape with random weights, 10-token prompts, all in one process.
Errors are measured on the trained weights of the embedded model, against exact or converged values; so is how long
the three questions take of the bundled sentences, stored.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ingest.attribution.answers import Question
from ingest.attribution.explained_model import Subject
from ingest.attribution.feature_game import FeatureGame, players_and_remainder
from ingest.attribution.questions import FeatureQuestion, LogitQuestion, TokenQuestion
from ingest.attribution.readouts import Readout, feature_readout, token_readout
from ingest.attribution.shap_library import load_shap
from ingest.attribution.shapley import FEATURE_PAIRS, TOKEN_PAIRS, Method, exact_values, permutation_values
from ingest.attribution.token_game import TokenGame
from ingest.jobs.explain import ExplainRequest, explain_into
from ingest.jobs.ingest import IngestRequest
from ingest.models.block_arithmetic import ROUNDED_TO, fused_linear
from ingest.models.hook_points import RESID_PRE, hook_kind, hook_layer
from ingest.models.matching import load_together
from schema import open_atlas
from tests.made.gpt2_small import save_gpt2_small, save_gpt2_small_sae
from tests.made.jobs import compute_contrast, ingest_with

TOKENS = 10
HOOKED = 12
CONVERGED_PAIRS = 400


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what it returns."""
    began = time.perf_counter()
    found = function()
    return time.perf_counter() - began, found


def say(line: str) -> None:
    """A line of the report, now."""
    print(line, flush=True)


def prompt_of(subject: Subject, number: int) -> tuple[np.ndarray, str]:
    """Ten whole words that are ten tokens."""
    words = [" time", " people", " water", " house", " music", " paper", " river", " money", " story", " light"]
    order = np.random.default_rng(number).permutation(len(words))
    text = "".join(words[place] for place in order)
    return np.array(subject.model.tokenizer(text)["input_ids"]), text


def study_seconds(subject: Subject, measure: Callable[[torch.Tensor], float], text: str) -> float:
    """`shap.Explainer(function, tokenizer)` with a function that runs one text at a time."""
    tokenizer = subject.model.tokenizer

    def one_by_one(texts: Sequence[str]) -> np.ndarray:
        ids = [tokenizer(str(masked))["input_ids"] or [subject.gpt2.end_of_text] for masked in texts]
        with torch.inference_mode():
            return np.array([measure(torch.tensor([row])) for row in ids])

    explainer = load_shap().Explainer(one_by_one, load_shap().maskers.Text(tokenizer, mask_token="..."))
    return timed(lambda: explainer([text], silent=True))[0]


def bench_tokens(subject: Subject, prompts: int) -> None:
    """Questions (a) and (b): exact over 1,024 coalitions against the study's way."""
    hf_model, bridge, sae = subject.model.bridge.original_model, subject.model.bridge, subject.sae
    feature = int(sae.module.encode(subject.run(prompt_of(subject, 0)[0]).at_hook[-1]).argmax())

    def logit(tokens: torch.Tensor) -> float:
        return float(hf_model(tokens).logits[0, -1, 5])

    def activation(tokens: torch.Tensor) -> float:
        return float(sae.module.encode(bridge.run_with_cache(tokens)[1][sae.hook_name])[0, :, feature].max())

    cases: tuple[tuple[str, Callable[[torch.Tensor], float], Readout], ...] = (
        ("(a) tokens -> logit", logit, token_readout(subject.gpt2, [5], "logit")),
        ("(b) tokens -> feature", activation, feature_readout(sae, [feature], largest=True)),
    )
    for name, measure, readout in cases:
        ours, theirs, shares = [], [], []
        for number in range(prompts):
            tokens, text = prompt_of(subject, number)
            theirs.append(study_seconds(subject, measure, text))
            game = TokenGame(subject.gpt2, readout, tokens, subject.bos, "end_of_text", subject.threads)
            began = time.process_time()
            ours.append(timed(partial(exact_values, game, len(tokens)))[0])
            taken = time.process_time() - began
            shares.append(products_seconds(subject, readout, prefixes(len(tokens), subject.bos is not None)) / taken)
        ratio = np.median(theirs) / np.median(ours)
        say(f"{name}: exact {np.median(ours):.2f} s, study's way {np.median(theirs):.2f} s, {ratio:.1f}x")
        alone = f"{np.median(shares):.0%} of it, without all else {ratio / np.median(shares):.1f}x"
        say(f"{name}: the matrix products that no two prefixes share are {alone}")


def prefixes(players: int, bos: bool) -> int:
    """Nodes of the trie of all coalitions."""
    return 2 ** (players + 1) - 2 + int(bos)


def products_seconds(subject: Subject, readout: Readout, rows: int) -> float:
    """Seconds of processors for nothing but the products of so many rows, up to the readout.

    The first block's queries, keys and values are of tokens at positions, and shared; after its attention no two
    prefixes are alike. Where the last position alone is read, the last block is for the whole prompts alone.
    """
    gpt2, last = subject.gpt2, hook_layer(readout.hook_name) - (hook_kind(readout.hook_name) == RESID_PRE)
    x = torch.randn(rows + -rows % ROUNDED_TO, gpt2.W_E.shape[1])
    began = time.process_time()
    with torch.no_grad():
        for layer, w in enumerate(gpt2.blocks[: last + 1]):
            if layer:
                fused_linear(x, *w["qkv"])
            if layer == last and not readout.largest:
                x = x[: rows // 2]
            fused_linear(x, *w["o"])
            fused_linear(fused_linear(x, *w["in"], activation="gelu"), *w["out"])
    return time.process_time() - began


def bench_features(subject: Subject) -> None:
    """Question (c): evaluations a second against a hook a coalition, and the time to 1 %."""
    tokens, _ = prompt_of(subject, 0)
    run = subject.run(tokens)
    parts = players_and_remainder(subject.sae, run.at_hook, None)
    readout = token_readout(subject.gpt2, [5], "logit")
    game = FeatureGame(subject.gpt2, readout, parts, subject.sae.hook_layer, every_position=False)
    players = len(game.contributions)
    rows = np.random.default_rng(0).random((2048, players)) < 0.5
    game(rows[:64])
    seconds = timed(lambda: game(rows))[0]
    hooked, values = timed(lambda: hooked_values(subject, run.tokens, game, rows[:HOOKED]))
    assert np.allclose(values, game(rows[:HOOKED])[:, 0], atol=1e-2)
    rate, hooked_rate = len(rows) / seconds, HOOKED / hooked
    say(f"(c) {players - 1} features: {rate:,.0f} evaluations/s, hooked {hooked_rate:.1f}/s, {rate / hooked_rate:.0f}x")
    converged = permutation_values(game, players, 60, seed=1).values
    for pairs in (1, 2, 5):
        seconds, found = timed(partial(permutation_values, game, players, pairs))
        error = np.abs(found.values - converged).max() / np.abs(converged).max()
        say(f"(c) all {players} players, {pairs} pairs: {seconds:.2f} s, error {error:.2%} of converged")


def hooked_values(subject: Subject, tokens: np.ndarray, game: FeatureGame, rows: np.ndarray) -> np.ndarray:
    """A whole forward pass with a hook for each coalition."""
    block = subject.model.bridge.original_model.transformer.h[subject.sae.hook_layer]
    found = []
    with torch.inference_mode():
        for stream in game.stream(torch.from_numpy(rows).to(game.full)):

            def patch(module: Any, inputs: Any, stream: torch.Tensor = stream) -> Any:
                hidden = inputs[0].clone()
                hidden[0, -1] = stream[0]
                return (hidden, *inputs[1:])

            handle = block.register_forward_pre_hook(patch)
            logits = subject.model.bridge.original_model(torch.from_numpy(tokens)[None]).logits
            found.append(float(logits[0, -1, 5]))
            handle.remove()
    return np.array(found)


def report_errors(subject: Subject, texts: Sequence[str]) -> None:
    """Trained weights: sampled values against exact (tokens) and converged ones (features)."""
    tokens_errors, feature_errors = [], []
    for text in texts:
        tokens = np.array(subject.model.tokenizer(text)["input_ids"])[:TOKENS]
        run = subject.run(tokens)
        readout = token_readout(subject.gpt2, [int(subject.gpt2.logits(run.final[-1]).argmax())], "logit")
        by_tokens = TokenGame(subject.gpt2, readout, tokens, subject.bos, "end_of_text")
        exact, sampled = exact_values(by_tokens, len(tokens)), permutation_values(by_tokens, len(tokens), TOKEN_PAIRS)
        tokens_errors.append(relative_error(sampled.values, exact.values))
        parts = players_and_remainder(subject.sae, run.at_hook, None)
        game = FeatureGame(subject.gpt2, readout, parts, subject.sae.hook_layer, every_position=False)
        players = len(game.contributions)
        converged = permutation_values(game, players, CONVERGED_PAIRS, seed=1)
        feature_errors.append(relative_error(permutation_values(game, players, FEATURE_PAIRS).values, converged.values))
    cases = (
        (f"tokens, {TOKEN_PAIRS} pairs against exact", tokens_errors),
        (f"features, {FEATURE_PAIRS} pairs against converged", feature_errors),
    )
    for name, errors in cases:
        say(f"pocket, {name}: median {np.median(errors):.1%}, largest {max(errors):.1%}")


def bench_jobs(subject: Subject, documents: int) -> None:
    """The three questions of some bundled sentences of each corpus, into an atlas; (b) of a contrast's best five."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "atlas.duckdb"
        ingest_with(IngestRequest(path, ("bundled:medical", "bundled:control")), subject.model, [subject.sae])
        with open_atlas(path) as atlas:
            compute_contrast(atlas, "medical", ("medical",), ("control",))
            rows = atlas.rows("SELECT feature FROM feature_contrast ORDER BY auroc DESC, feature LIMIT 5")
            best = tuple(feature for (feature,) in rows)
            questions: tuple[Question[Any], ...] = (TokenQuestion(), FeatureQuestion(best), LogitQuestion())
            loaded = subject.model, [subject.sae]
            total = 0.0
            for question in questions:
                for corpus in ("medical", "control"):
                    method = Method(pairs=question.pairs)
                    request = ExplainRequest(path, question, method, documents=(corpus,), limit=documents)
                    seconds, found = timed(partial(explain_into, atlas, request, loaded))
                    total += seconds
                    say(f"pocket, {question.name}, {corpus}: {len(found.new)} explanations in {seconds:.1f} s")
            prompts = 2 * documents
            say(f"pocket, all three of {prompts} prompts: {total:.1f} s; of 240: {total * 240 / prompts:.0f} s")


def relative_error(found: np.ndarray, wanted: np.ndarray) -> float:
    """The largest error over the largest value."""
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def _subject(sae_name: str, model_name: str | None = None) -> Subject:
    model, saes = load_together([sae_name], model_name, "cpu")
    return Subject.of(model, saes[0])


def main() -> None:
    """Report every ratio and error."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompts", type=int, default=2)
    parser.add_argument("--documents", type=int, default=12)
    arguments = parser.parse_args()
    prompts = arguments.prompts
    texts = [
        "Asthma tightens the airways and makes every breath hard work.",
        "After the scan, the surgeon explained that the shadow was a lymphoma.",
        "Pneumonia filled both of her lungs with fluid within a week.",
        "Heavy rain delayed the train by two hours that morning.",
    ]
    pocket = _subject("pocket")
    report_errors(pocket, texts)
    bench_jobs(pocket, arguments.documents)
    with tempfile.TemporaryDirectory() as folder:
        model = save_gpt2_small(Path(folder) / "gpt2")
        sae = save_gpt2_small_sae(Path(folder) / "sae" / "layer8", model)
        subject = _subject(sae, model)
        bench_features(subject)
        bench_tokens(subject, prompts)


if __name__ == "__main__":
    main()
