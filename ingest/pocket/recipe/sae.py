"""Sparse autoencoders on the residual stream, trained by SAELens' `SAETrainer`, all from one forward pass.

BatchTopK while training, saved as JumpReLU.
Source: Bussmann et al. 2024, "BatchTopK Sparse Autoencoders", arXiv 2412.06410.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt16
from sae_lens.config import LoggingConfig, SAETrainerConfig
from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAEConfig
from sae_lens.saes.sae import SAEMetadata
from sae_lens.training.mixing_buffer import multi_hook_concat_split_iter
from sae_lens.training.sae_trainer import SAETrainer
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import GPT2LMHeadModel

from ingest.pocket.recipe.budget import Budget, Workers, mixed_precision, share_shown, warmdown
from ingest.pocket.recipe.language_model import hook_name, residual_stream
from ingest.pocket.recipe.sparse import SparseBatchTopKTrainingSAE, select, sparse_matrix
from ingest.pocket.recipe.windows import IGNORED, shuffled_batches

logger = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 300.0
CURVE_STEPS = 20
WARMUP_STEPS = 50
GROUP = 4
"""Batches that are stepped through between two looks at the clock."""
SCALED_ON = 1024
"""Activations that the first reconstruction is scaled on."""


@dataclass(frozen=True)
class SAEConfig:
    """What is trained and how; `blocks` are the L of `blocks.L.hook_resid_pre`.

    `widths` are Matryoshka's inner ones, none for BatchTopK; `balance` is the power of a domain's share of the text.
    """

    blocks: tuple[int, ...] = (1, 3, 5)
    d_sae: int = 4096
    k: float = 32.0
    batch: int = 2048
    lr: float = 4e-3
    warmdown: float = 0.4
    buffer: int = 65536
    dead_steps: int = 100
    ridge: float = 10.0
    widths: tuple[int, ...] = ()
    balance: float = 1.0


def activation_stream(
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
            stream = residual_stream(model, ids, max(blocks))
        text = ids != IGNORED
        return {hook_name(block): stream[block][text] for block in blocks}

    for ids in shuffled_batches(windows, min(64, len(windows)), seed):
        pieces = workers.map(_run, torch.split(ids[:, :-1].to(device), 8))
        yield {name: torch.cat([piece[name] for piece in pieces]) for name in pieces[0]}


class Trainers:
    """One SAELens trainer a hook, stepped together, and the position that a checkpoint holds beside them."""

    def __init__(self, config: SAEConfig, d_in: int, context_size: int, device: str, workers: Workers) -> None:
        self.config = config
        self.workers = workers
        self.step_number, self.seconds = 0, 0.0
        self.by_hook = {
            hook_name(block): _trainer(config, block, d_in, context_size, device) for block in config.blocks
        }
        self.locks = {name: Lock() for name in self.by_hook}

    @property
    def tokens(self) -> int:
        """Activations seen so far, at each hook."""
        return int(next(iter(self.by_hook.values())).n_training_samples)

    def prepare(self, batch: dict[str, Tensor]) -> None:
        """Scale, centre and point the decoders by a first batch of activations."""
        for name, trainer in self.by_hook.items():
            trainer.activation_scaler.estimate_scaling_factor(batch[name].shape[1], iter([batch[name]]), 1)
            start_from_data(trainer.sae, trainer.activation_scaler(batch[name]), self.config.ridge)

    def steps(self, batches: list[dict[str, Tensor]], progress: float) -> dict[str, float]:
        """One step a batch at every hook; returns the share of the last batch's variance that each explains.

        A thread takes the next batch of the next hook, so that hooks are trained side by side and each in order.
        """
        warmup = min(1.0, (self.step_number + 1) / WARMUP_STEPS)
        lr = self.config.lr * warmup * warmdown(progress, self.config.warmdown)
        tasks = [(name, batch[name]) for batch in batches for name in self.by_hook]
        explained = self.workers.map(lambda task: self._step(*task, lr), tasks)
        self.step_number += len(batches)
        return dict(zip(self.by_hook, explained[-len(self.by_hook) :], strict=True))

    def _step(self, name: str, batch: Tensor, lr: float) -> float:
        trainer = self.by_hook[name]
        with self.locks[name]:
            trainer.optimizer.param_groups[0]["lr"] = lr
            output = trainer.step(batch)
            trainer.n_training_steps += 1
        error = (output.sae_out.detach() - output.sae_in).pow(2).sum()
        return float(1 - error / (output.sae_in - output.sae_in.mean(0)).pow(2).sum())

    def save(self, folder: Path) -> None:
        """Write every trainer's own checkpoint, then the position that makes them count."""
        for name, trainer in self.by_hook.items():
            trainer.save_checkpoint(f"{self.step_number}", folder / name)
        position = {"step": self.step_number, "seconds": self.seconds}
        partial = folder / "position.partial"
        partial.write_text(json.dumps(position), encoding="utf-8")
        partial.replace(folder / "position.json")
        for name in self.by_hook:
            for older in (folder / name).iterdir():
                if older.name != f"{self.step_number}":
                    shutil.rmtree(older)

    def load(self, folder: Path) -> None:
        """Continue from what `save` wrote."""
        position = json.loads((folder / "position.json").read_text(encoding="utf-8"))
        self.step_number, self.seconds = position["step"], position["seconds"]
        for name, trainer in self.by_hook.items():
            checkpoint = folder / name / f"{self.step_number}"
            trainer.load_trainer_state(checkpoint)
            trainer.sae.load_weights_from_checkpoint(checkpoint)


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
    folder.mkdir(parents=True, exist_ok=True)
    device = str(next(model.parameters()).device)
    workers = workers or Workers()
    trainers = Trainers(config, model.config.n_embd, model.config.n_positions, device, workers)
    resumed = (folder / "position.json").exists()
    if resumed:
        trainers.load(folder)
    # windows in an order of their own, and after a resumption in another one, so that nothing is seen twice over
    raw = activation_stream(model, windows, config.blocks, workers, seed + 1 + trainers.step_number)
    names = list(trainers.by_hook)
    batches = multi_hook_concat_split_iter(config.buffer, config.batch, raw, names)
    if not resumed:
        trainers.prepare(next(batches) if config.batch >= config.d_sae else _joined(batches, names, config))
    _run(trainers, batches, budget, folder)
    return trainers


def _joined(batches: Iterator[dict[str, Tensor]], names: list[str], config: SAEConfig) -> dict[str, Tensor]:
    """Enough batches in one to point every feature at an activation of its own."""
    parts = [next(batches) for _ in range(-(-config.d_sae // config.batch))]
    return {name: torch.cat([part[name] for part in parts]) for name in names}


def _run(trainers: Trainers, batches: Iterator[dict[str, Tensor]], budget: Budget, folder: Path) -> None:
    clock = time.monotonic() - trainers.seconds
    saved = time.monotonic()
    with (folder / "curve.jsonl").open("a", encoding="utf-8") as curve, share_shown("autoencoders") as show:
        while (progress := budget.progress(trainers.tokens, trainers.seconds)) < 1.0:
            explained = trainers.steps([next(batches) for _ in range(GROUP)], progress)
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


def _trainer(config: SAEConfig, block: int, d_in: int, context_size: int, device: str) -> Any:
    """SAELens' trainer for one hook; its learning rate is set from outside, before each step."""
    metadata = SAEMetadata(model_name="pocket", hook_name=hook_name(block), context_size=context_size, prepend_bos=True)
    sae = SparseBatchTopKTrainingSAE(
        BatchTopKTrainingSAEConfig(
            d_in=d_in,
            d_sae=config.d_sae,
            k=config.k,
            device=device,
            normalize_activations="expected_average_only_in",
            metadata=metadata,
        ),
        config.widths,
    )
    trainer_config = SAETrainerConfig(
        total_training_samples=2**62,
        train_batch_size_samples=config.batch,
        lr=config.lr,
        lr_end=config.lr,
        device=device,
        dead_feature_window=config.dead_steps,
        feature_sampling_window=500,
        logger=LoggingConfig(log_to_wandb=False),
    )
    return SAETrainer(cfg=trainer_config, sae=sae, data_provider=iter(()))


@torch.no_grad()
def start_from_data(sae: Any, batch: Float[Tensor, "token d_in"], ridge: float) -> None:
    """Centre the autoencoder on the mean and point each feature at an activation, which its encoder tells from others.

    An encoder along the activation itself would answer to the few directions that all activations share: a handful
    of features would win everywhere, and the rest die. The covariance divides these directions out, as in a linear
    discriminant; `ridge`, in mean variances, decides how far. With little of it features begin, and stay, specific to
    tokens; with 10 a few are silent at the end, and more of them tell whole domains of text apart. The scale is that
    which reconstructs the batch best.
    """
    mean = batch.mean(0)
    centred = batch - mean
    directions = nn.functional.normalize(centred[torch.randperm(len(batch))[: sae.cfg.d_sae]], dim=-1)
    covariance = centred.T @ centred / len(batch)
    covariance.diagonal().add_(ridge * covariance.diagonal().mean())
    encoder = torch.linalg.solve(covariance, directions.T)
    some = centred[:SCALED_ON]
    chosen = select(some, encoder, torch.zeros_like(sae.b_enc), sae.cfg.k)
    rebuilt = sparse_matrix(*chosen, (len(some), sae.cfg.d_sae)) @ directions
    encoder *= (some * rebuilt).sum() / rebuilt.pow(2).sum()
    norm = encoder.norm(dim=0).sqrt()
    sae.b_dec.copy_(mean)
    sae.W_dec.copy_(directions * norm[:, None])
    sae.W_enc.copy_(encoder / norm)


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
