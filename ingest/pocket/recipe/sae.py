"""Sparse autoencoders on the residual stream, trained side by side, all from one forward pass."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt16
from sae_lens.training.mixing_buffer import multi_hook_concat_split_iter
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import GPT2LMHeadModel

from ingest.pocket.recipe.budget import Budget, Workers, mixed_precision, show_budget_share
from ingest.pocket.recipe.language_model import hook_name, training_residual_stream
from ingest.pocket.recipe.sae_trainers import SAEConfig, Trainers
from ingest.pocket.recipe.windows import IGNORED, shuffled_batches

logger = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 300.0
CURVE_STEPS = 20
GROUP = 4
"""Batches that are stepped through between two looks at the clock."""


def training_activation_stream(
    model: GPT2LMHeadModel,
    windows: UInt16[np.ndarray, "window position"],
    blocks: tuple[int, ...],
    workers: Workers,
    seed: int,
) -> Iterator[dict[str, Float[Tensor, "token d_model"]]]:
    """The residual stream at every hook, one forward pass for all, without BOS and padding."""
    device = next(model.parameters()).device

    @torch.no_grad()
    def _run(ids: Tensor) -> dict[str, Tensor]:
        with mixed_precision(device):
            stream = training_residual_stream(model, ids, max(blocks))
        text = ids != IGNORED
        return {hook_name(block): stream[block][text] for block in blocks}

    for ids in shuffled_batches(windows, min(64, len(windows)), seed):
        pieces = workers.map(_run, torch.split(ids[:, :-1].to(device), 8))
        yield {name: torch.cat([piece[name] for piece in pieces]) for name in pieces[0]}


def train_saes(
    model: GPT2LMHeadModel,
    windows: UInt16[np.ndarray, "window position"],
    config: SAEConfig,
    budget: Budget,
    folder: Path,
    *,
    seed: int,
    workers: Workers | None = None,
) -> Trainers:
    """Train until the budget is used, from the folder's checkpoint if it holds one."""
    torch.manual_seed(seed)
    model.requires_grad_(requires_grad=False)
    folder.mkdir(parents=True, exist_ok=True)
    device = str(next(model.parameters()).device)
    workers = workers or Workers()
    trainers = Trainers(config, model.config.n_embd, model.config.n_positions, device, workers)
    resumed = (folder / "position.json").exists()
    if resumed:
        trainers.load(folder)
    # windows in an order of their own, and after a resumption in another one, so that nothing is seen twice over
    raw = training_activation_stream(model, windows, config.blocks, workers, seed + 1 + trainers.step_number)
    names = list(trainers.by_hook)
    batches = multi_hook_concat_split_iter(config.buffer, config.batch, raw, names)
    if not resumed:
        trainers.prepare(next(batches) if config.batch >= config.d_sae else _joined(batches, names, config))
    size = max(1, config.batch // model.config.n_positions)
    whole = shuffled_batches(windows, min(size, len(windows)), seed + 2 + trainers.step_number)
    _run(trainers, batches, (ids[:, :-1].to(device) for ids in whole), model, budget, folder)
    return trainers


def _joined(batches: Iterator[dict[str, Tensor]], names: list[str], config: SAEConfig) -> dict[str, Tensor]:
    """Enough batches in one to point every feature at an activation of its own."""
    parts = [next(batches) for _ in range(-(-config.d_sae // config.batch))]
    return {name: torch.cat([part[name] for part in parts]) for name in names}


def _run(
    trainers: Trainers,
    batches: Iterator[dict[str, Tensor]],
    whole_windows: Iterator[Tensor],
    model: GPT2LMHeadModel,
    budget: Budget,
    folder: Path,
) -> None:
    clock = time.monotonic() - trainers.seconds
    saved = time.monotonic()
    with (folder / "curve.jsonl").open("a", encoding="utf-8") as curve, show_budget_share("autoencoders") as show:
        while (progress := budget.progress(trainers.tokens, trainers.seconds)) < 1.0:
            if progress < 1.0 - trainers.config.downstream:
                explained = trainers.steps([next(batches) for _ in range(GROUP)], progress)
            else:
                explained = trainers.downstream_steps(model, [next(whole_windows) for _ in range(GROUP)], progress)
            trainers.seconds = time.monotonic() - clock
            show(progress)
            if trainers.step_number % CURVE_STEPS == 0:
                dead = {name: int(trainer.dead_neurons.sum()) for name, trainer in trainers.by_hook.items()}
                point = {"tokens": trainers.tokens, "seconds": trainers.seconds, "explained": explained, "dead": dead}
                curve.write(json.dumps(point) + "\n")
                curve.flush()
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                trainers.save(folder)
                saved = time.monotonic()
    trainers.save(folder)


def save_saes(trainers: Trainers, release: Path) -> None:
    """Write SAELens' inference folders, weights in float16, with the log10 density of each feature."""
    for name, trainer in trainers.by_hook.items():
        trainer.sae.fold_activation_norm_scaling_factor(trainer.activation_scaler.scaling_factor)
        trainer.activation_scaler.scaling_factor = None
        trainer.set_final_sae_metadata()
        folder = release / "sae" / name
        weights, _ = trainer.sae.save_inference_model(folder)
        halved = {key: value.half().contiguous() for key, value in load_file(weights).items()}
        save_file(halved, weights)
        save_file({"sparsity": trainer.log_feature_sparsity}, folder / "sparsity.safetensors")
