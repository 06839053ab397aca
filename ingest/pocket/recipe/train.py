"""Training the language model: one loop, driven by the share of the budget that is used."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt16
from torch import nn
from transformers import GPT2LMHeadModel

from ingest.pocket.recipe.budget import Budget, Workers, blocks_trained_at, mixed_precision, show_budget_share, warmdown
from ingest.pocket.recipe.language_model import new_model, parameter_groups, training_cross_entropy
from ingest.pocket.recipe.muon import Muon
from ingest.pocket.recipe.windows import IGNORED, shuffled_batches

logger = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 300.0
CURVE_STEPS = 20
PIECE = 4
"""Windows that a thread takes at a time."""


@dataclass(frozen=True)
class LanguageModelConfig:
    """What is trained and how; `stages` says from which progress on how many blocks are."""

    d_vocab: int = 8192
    d_model: int = 256
    layers: int = 6
    heads: int = 8
    context_size: int = 128
    batch: int = 32
    stages: tuple[tuple[float, int], ...] = ((0.0, 2), (0.42, 6))
    muon_lr: float = 0.02
    adam_lr: float = 6e-3
    warmdown: float = 0.45


@dataclass(frozen=True)
class Position:
    """How far a run has come."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0


class Trainer:
    """A model, its two optimizers and its position, which a checkpoint holds together."""

    def __init__(self, config: LanguageModelConfig, seed: int, device: str, workers: Workers | None = None) -> None:
        torch.manual_seed(seed)
        self.config = config
        self.device = device
        shape = (config.d_vocab, config.d_model, config.layers, config.heads, config.context_size)
        model: Any = new_model(*shape)
        self.model: GPT2LMHeadModel = model.to(device)
        matrices, others = parameter_groups(self.model)
        self.workers = workers or Workers()
        self.muon = Muon(matrices, workers=self.workers)
        self.adam = torch.optim.AdamW(others, lr=config.adam_lr, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
        self.position = Position()

    def step(self, windows: torch.Tensor, progress: float) -> float:
        """One step on a batch of windows; returns its loss in nats a token."""
        factor = warmdown(progress, self.config.warmdown)
        self.adam.param_groups[0]["lr"] = self.config.adam_lr * factor
        self.model.zero_grad()
        depth, batch = blocks_trained_at(progress, self.config.stages), windows.to(self.device)
        counted = (batch[:, 1:] != IGNORED).sum()

        def _share(rows: torch.Tensor) -> torch.Tensor:
            with mixed_precision(self.device):
                loss = training_cross_entropy(self.model, rows, depth)
            return loss * ((rows[:, 1:] != IGNORED).sum() / counted)

        loss = self.workers.backward(_share, batch, list(self.model.parameters()), PIECE)
        self.muon.step(self.config.muon_lr * factor)
        self.adam.step()
        return loss

    def save(self, path: Path) -> None:
        """Write everything that `load` needs, replacing the file in one move."""
        state = {
            "model": self.model.state_dict(),
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
            "position": vars(self.position),
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Continue from what `save` wrote."""
        state: dict[str, Any] = torch.load(path, map_location=self.device)
        self.model.load_state_dict(state["model"])
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
        self.position = Position(**state["position"])


def train_language_model(
    windows: UInt16[np.ndarray, "window position"],
    config: LanguageModelConfig,
    budget: Budget,
    folder: Path,
    *,
    seed: int,
    device: str,
    workers: Workers | None = None,
) -> GPT2LMHeadModel:
    """Train until the budget is used, from the folder's checkpoint if it holds one.

    Writes `checkpoint.pt` every five minutes and at the end, and a line of `curve.jsonl` every 20 steps.
    """
    trainer = Trainer(config, seed, device, workers)
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        trainer.load(checkpoint)
        logger.info("continuing from %s", trainer.position)
    _run(trainer, windows, budget, folder, seed)
    return trainer.model


def _run(
    trainer: Trainer, windows: UInt16[np.ndarray, "window position"], budget: Budget, folder: Path, seed: int
) -> None:
    batches = shuffled_batches(windows, trainer.config.batch, seed, trainer.position.step)
    losses: list[float] = []
    clock = time.monotonic() - trainer.position.seconds
    saved = time.monotonic()
    with (folder / "curve.jsonl").open("a", encoding="utf-8") as curve, show_budget_share("language model") as show:
        while (progress := budget.progress(trainer.position.tokens, trainer.position.seconds)) < 1.0:
            batch = next(batches)
            loss = trainer.step(batch, progress)
            step, tokens = trainer.position.step + 1, trainer.position.tokens + batch[:, 1:].numel()
            trainer.position = replace(trainer.position, step=step, tokens=tokens, seconds=time.monotonic() - clock)
            show(progress)
            losses.append(loss)
            if step % CURVE_STEPS == 0:
                depth, mean = blocks_trained_at(progress, trainer.config.stages), sum(losses) / len(losses)
                point = vars(trainer.position) | {"progress": round(progress, 5), "depth": depth, "loss": mean}
                losses.clear()
                curve.write(json.dumps(point) + "\n")
                curve.flush()
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                trainer.save(folder / "checkpoint.pt")
                saved = time.monotonic()
    trainer.save(folder / "checkpoint.pt")


def save_language_model(model: nn.Module, folder: Path) -> None:
    """Write a Hugging Face folder in float16, leaving the model as it is."""
    state = {name: tensor.detach().half().cpu() for name, tensor in model.state_dict().items()}
    config: Any = model.config
    half: Any = GPT2LMHeadModel(config)
    half = half.half()
    half.load_state_dict(state)
    half.save_pretrained(str(folder))
