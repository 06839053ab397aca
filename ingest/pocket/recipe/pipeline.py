"""The stages in their order, each from and to the files of one folder."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt16
from transformers import GPT2Config, GPT2LMHeadModel

from ingest.pocket.recipe.budget import Budget, Workers
from ingest.pocket.recipe.card import model_card, renewed_card, training_log, write_card_attribution
from ingest.pocket.recipe.corpus import (
    encode_training_texts,
    expand_training_globs,
    load_tokenizer,
    read_documents,
    save_tokenizer,
    train_tokenizer,
    write_training_documents,
)
from ingest.pocket.recipe.division import Division, divide, shares_copied_from_training, two_validation_parts
from ingest.pocket.recipe.evaluate import Bigram, evaluate
from ingest.pocket.recipe.sae import save_saes, train_saes
from ingest.pocket.recipe.sae_trainers import SAEConfig
from ingest.pocket.recipe.train import LanguageModelConfig, save_language_model, train_language_model
from ingest.pocket.recipe.trials import Setting, run_trials
from ingest.pocket.recipe.windows import TrainingText, read_text, training_text

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """The text: globs of what is trained on, the file that is evaluated on, titles to name, and the command.

    `works` is how many works of each domain are held out at least, out of the training files where they are too few.
    """

    train: tuple[str, ...]
    valid: str
    titles: str | None = None
    command: str = ""
    works: int = 0

    @cached_property
    def division(self) -> Division:
        """The documents that are trained on, and those that are held out.

        Raises: FileNotFoundError when a glob names no file.
        """
        valid = list(read_documents(expand_training_globs([self.valid])))
        return divide(read_documents(expand_training_globs(self.train)), valid, self.works)


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes out; the device's speed decides the rest where a budget is in time.

    `trials` is the budget of each autoencoder that is tried before those of the release; None tries none.
    """

    source: Source
    budget: Budget
    sae_budget: Budget
    trials: Budget | None = None
    model: LanguageModelConfig = field(default_factory=LanguageModelConfig)
    sae: SAEConfig = field(default_factory=SAEConfig)
    seed: int = 0
    threads: int = 1


def run_recipe(recipe: Recipe, out: Path) -> Path:
    """Run every stage that has not run yet and return the release folder.

    Raises: FileNotFoundError when a source names no file.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    release = out / "release"
    release.mkdir(parents=True, exist_ok=True)
    workers = Workers(recipe.threads if device == "cpu" else 1)
    text = _tokenizer_and_text(recipe, out, release / "gpt2")
    write_training_documents(recipe.source.division.held_out, out / "validation.jsonl")
    model = _language_model(recipe, text.windows, out, workers)
    if recipe.trials is not None:
        halves = two_validation_parts(two_validation_parts(recipe.source.division.held_out)[0])
        first, second = (read_text(half, release / "gpt2", recipe.model.context_size).first_windows for half in halves)
        setting = Setting(release / "gpt2", text, (first, second), recipe.sae, recipe.trials, recipe.seed)
        run_trials(setting, out / "trials", workers.threads)
    if not (release / "sae").exists():
        windows = text.balanced(recipe.sae.balance, recipe.seed)
        trainers = train_saes(
            model, windows, recipe.sae, recipe.sae_budget, out / "sae", seed=recipe.seed, workers=workers
        )
        save_saes(trainers, release)
    figures = _figures(recipe, text.windows, out, workers)
    write_card_attribution(recipe.source.division.training, recipe.source.titles, release / "ATTRIBUTION.tsv")
    card = model_card(figures, recipe.source.command, training_log(out))
    (release / "CARD.md").write_text(card, encoding="utf-8")
    return release


def judge_trained_release(source: Source, release: Path, workers: Workers) -> dict[str, Any]:
    """The figures of a release on the validation text, beside a bigram of the training text; its card is renewed.

    Raises: FileNotFoundError when a source names no file; ValueError when the release has no card of the recipe.
    """
    card = release / "CARD.md"
    context_size = int(GPT2Config.from_pretrained(str(release / "gpt2")).n_positions)
    windows = _training_text(source, release / "gpt2", context_size).windows
    figures = _judged(source, windows, release, workers)
    card.write_text(renewed_card(card.read_text(encoding="utf-8"), figures), encoding="utf-8")
    return figures


def _figures(
    recipe: Recipe, windows: UInt16[np.ndarray, "window position"], out: Path, workers: Workers
) -> dict[str, Any]:
    """Evaluate the release and its baseline, or read what was found; `figures.json` keeps it."""
    stored = out / "release" / "figures.json"
    if not stored.exists():
        figures = _judged(recipe.source, windows, out / "release", workers)
        stored.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    read: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8"))
    return read


def _judged(
    source: Source, windows: UInt16[np.ndarray, "window position"], release: Path, workers: Workers
) -> dict[str, Any]:
    """Every figure of the card."""
    division = source.division
    figures = evaluate(release, division.held_out, workers)
    tokenizer = load_tokenizer(release / "gpt2")
    documents = two_validation_parts(division.held_out)[1]
    shares = np.array(shares_copied_from_training(documents, division.training))
    figures["copied"] = {"mean": float(shares.mean()), "over_a_tenth": int((shares > 0.1).sum())}
    figures["division"] = {"taken": division.taken, "dropped": division.dropped}
    judging = read_text(documents, release / "gpt2", windows.shape[1] - 1)
    bigram = Bigram(windows, tokenizer.get_vocab_size()).nats(judging.windows).sum()
    figures["bigram_bits_per_byte"] = float(bigram) / math.log(2) / judging.text_bytes
    return figures


def _tokenizer_and_text(recipe: Recipe, out: Path, folder: Path) -> TrainingText:
    """Train the tokenizer and cut the text into windows, or read both."""
    if not (folder / "tokenizer.json").exists():
        division = recipe.source.division
        logger.info("%d documents to train on, %d held out", len(division.training), len(division.held_out))
        trained = train_tokenizer((document.text for document in division.training), recipe.model.d_vocab)
        save_tokenizer(trained, folder, recipe.model.context_size)
    stored = out / "windows.npz"
    if not stored.exists():
        text = _training_text(recipe.source, folder, recipe.model.context_size)
        np.savez(out / "windows.partial.npz", windows=text.windows, domain=text.domain)
        (out / "windows.partial.npz").replace(stored)
        logger.info("%d windows of %d tokens", *text.windows.shape)
    with np.load(stored) as arrays:
        return TrainingText(arrays["windows"], arrays["domain"])


def _training_text(source: Source, folder: Path, context_size: int) -> TrainingText:
    """The training text cut into windows by a tokenizer that is there."""
    documents = source.division.training
    ids = encode_training_texts(load_tokenizer(folder), (document.text for document in documents))
    return training_text(zip((document.domain for document in documents), ids, strict=True), context_size)


def _language_model(
    recipe: Recipe, windows: UInt16[np.ndarray, "window position"], out: Path, workers: Workers
) -> GPT2LMHeadModel:
    """Train the language model and write its folder, or read it; in float32, with the weights as rounded to disk."""
    folder, device = out / "release" / "gpt2", "cuda" if torch.cuda.is_available() else "cpu"
    if not (folder / "model.safetensors").exists():
        trained = train_language_model(
            windows, recipe.model, recipe.budget, out, seed=recipe.seed, device=device, workers=workers
        )
        save_language_model(trained, folder)
    model: Any = GPT2LMHeadModel.from_pretrained(str(folder), dtype=torch.float32)
    loaded: GPT2LMHeadModel = model.to(device).eval()
    return loaded
