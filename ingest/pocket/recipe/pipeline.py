"""The stages in their order, each from and to the files of one folder."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt16
from transformers import GPT2Config, GPT2LMHeadModel

from ingest.pocket.recipe.card import model_card, renewed_card, training_log, write_attribution
from ingest.pocket.recipe.corpus import (
    encode_texts,
    expand,
    load_tokenizer,
    read_documents,
    read_training_documents,
    save_tokenizer,
    train_tokenizer,
    two_parts,
)
from ingest.pocket.recipe.evaluate import Bigram, evaluate
from ingest.pocket.recipe.run import Budget, Workers
from ingest.pocket.recipe.sae import SAEConfig, save_saes, train_saes
from ingest.pocket.recipe.train import LanguageModelConfig, save_language_model, train_language_model
from ingest.pocket.recipe.windows import read_text, training_windows

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """The text: globs of what is trained on, the file that is evaluated on, titles to name, and the command."""

    train: tuple[str, ...]
    valid: str
    titles: str | None = None
    command: str = ""


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes out; the device's speed decides the rest where a budget is in time."""

    source: Source
    budget: Budget
    sae_budget: Budget
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
    windows = _tokenizer_and_windows(recipe, out, release / "gpt2")
    model = _language_model(recipe, windows, out, workers)
    if not (release / "sae").exists():
        trainers = train_saes(
            model, windows, recipe.sae, recipe.sae_budget, out / "sae", seed=recipe.seed, workers=workers
        )
        save_saes(trainers, release)
    figures = _figures(recipe, windows, out, workers)
    write_attribution(recipe.source.train, recipe.source.titles, release / "ATTRIBUTION.tsv")
    card = model_card(figures, recipe.source.command, training_log(out))
    (release / "CARD.md").write_text(card, encoding="utf-8")
    return release


def judge_release(source: Source, release: Path, workers: Workers) -> dict[str, Any]:
    """The figures of a release on the validation text, beside a bigram of the training text; its card is renewed.

    Raises: FileNotFoundError when a source names no file; ValueError when the release has no card of the recipe.
    """
    card = release / "CARD.md"
    context_size = int(GPT2Config.from_pretrained(str(release / "gpt2")).n_positions)
    windows = _windows(source, release / "gpt2", context_size)
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
    documents = list(read_documents(expand([source.valid])))
    figures = evaluate(release, documents, workers)
    tokenizer = load_tokenizer(release / "gpt2")
    judging = read_text(two_parts(documents)[1], release / "gpt2", windows.shape[1] - 1)
    bigram = Bigram(windows, tokenizer.get_vocab_size()).nats(judging.windows).sum()
    figures["bigram_bits_per_byte"] = float(bigram) / math.log(2) / judging.text_bytes
    return figures


def _tokenizer_and_windows(recipe: Recipe, out: Path, folder: Path) -> UInt16[np.ndarray, "window position"]:
    """Train the tokenizer and cut the text into windows, or read both."""
    stored = out / "windows.npy"
    if not stored.exists():
        paths = expand(recipe.source.train)
        logger.info("tokenizer: %d files", len(paths))
        trained = train_tokenizer((d.text for d in read_training_documents(paths)), recipe.model.d_vocab)
        save_tokenizer(trained, folder, recipe.model.context_size)
        windows = _windows(recipe.source, folder, recipe.model.context_size)
        np.save(out / "windows.partial.npy", windows)
        (out / "windows.partial.npy").replace(stored)
        logger.info("%d windows of %d tokens", *windows.shape)
    return np.asarray(np.load(stored, mmap_mode="r"))


def _windows(source: Source, folder: Path, context_size: int) -> UInt16[np.ndarray, "window position"]:
    """The training text cut into windows by a tokenizer that is there."""
    texts = (document.text for document in read_training_documents(expand(source.train)))
    return training_windows(encode_texts(load_tokenizer(folder), texts), context_size)


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
