"""One SAELens trainer for each hook point, stepped together: how an autoencoder begins, and what a step is.

BatchTopK while training, saved as JumpReLU.
Source: Bussmann et al. 2024, "BatchTopK Sparse Autoencoders", arXiv 2412.06410.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from jaxtyping import Float
from sae_lens.config import LoggingConfig, SAETrainerConfig
from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAEConfig
from sae_lens.saes.sae import SAEMetadata
from sae_lens.training.sae_trainer import SAETrainer
from torch import Tensor, nn
from transformers import GPT2LMHeadModel

from ingest.pocket.recipe.budget import Workers, mixed_precision, warmdown
from ingest.pocket.recipe.downstream import downstream_divergence
from ingest.pocket.recipe.language_model import hook_name, training_residual_stream
from ingest.pocket.recipe.sparse import SparseBatchTopKTrainingSAE, select, sparse_training_matrix
from ingest.pocket.recipe.windows import IGNORED

FurtherLoss = Callable[[Float[Tensor, "token d_model"]], Float[Tensor, ""]]

WARMUP_STEPS = 50
SCALED_ON = 1024
"""Activations that the first reconstruction is scaled on."""


@dataclass(frozen=True)
class SAEConfig:
    """What is trained and how; `blocks` are the L of `blocks.L.hook_resid_pre`.

    `widths` are Matryoshka's inner ones, none for BatchTopK; `balance` is the power of a domain's share of the text;
    `most_density` is the largest share of the tokens that a feature fires on; in the last `downstream` of the budget
    the model is also asked to predict as it does without the autoencoder.
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
    most_density: float = 1.0
    downstream: float = 0.0


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
            start_training_from_data(trainer.sae, trainer.activation_scaler(batch[name]), self.config.ridge)

    def steps(self, batches: list[dict[str, Tensor]], progress: float) -> dict[str, float]:
        """One step a batch at every hook; returns the share of the last batch's variance that each explains.

        A thread takes the next batch of the next hook, so that hooks are trained side by side and each in order.
        """
        return self._each_hook([(name, batch[name], None) for batch in batches for name in self.by_hook], progress)

    def downstream_steps(self, model: GPT2LMHeadModel, batches: list[Tensor], progress: float) -> dict[str, float]:
        """The same on whole windows (window, position), where the model's predictions are asked for too."""

        @torch.no_grad()
        def _stream(ids: Tensor) -> list[Tensor]:
            with mixed_precision(ids.device):
                return training_residual_stream(model, ids)

        tasks: list[tuple[str, Tensor, FurtherLoss | None]] = []
        for ids, stream in zip(batches, self.workers.map(_stream, batches), strict=True):
            text = ids != IGNORED
            for block in self.config.blocks:
                asked = downstream_divergence(model, stream, block, text)
                tasks.append((hook_name(block), stream[block][text].float(), asked))
        return self._each_hook(tasks, progress)

    def _each_hook(self, tasks: list[tuple[str, Tensor, FurtherLoss | None]], progress: float) -> dict[str, float]:
        warmup = min(1.0, (self.step_number + 1) / WARMUP_STEPS)
        lr = self.config.lr * warmup * warmdown(progress, self.config.warmdown)
        explained = self.workers.map(lambda task: self._step(*task, lr), tasks)
        self.step_number += len(tasks) // len(self.by_hook)
        return dict(zip(self.by_hook, explained[-len(self.by_hook) :], strict=True))

    def _step(self, name: str, batch: Tensor, further_loss: FurtherLoss | None, lr: float) -> float:
        trainer = self.by_hook[name]
        unscale = trainer.activation_scaler.unscale
        with self.locks[name]:
            trainer.optimizer.param_groups[0]["lr"] = lr
            trainer.sae.further_loss = further_loss and (lambda out: further_loss(unscale(out)))
            output = trainer.step(batch)
            trainer.n_training_steps += 1
        error = (output.sae_out.detach() - output.sae_in).pow(2).sum()
        return float(1 - error / (output.sae_in - output.sae_in.mean(0)).pow(2).sum())

    def save(self, folder: Path) -> None:
        """Write every trainer's own checkpoint, then the position that makes them count."""
        for name, trainer in self.by_hook.items():
            trainer.save_checkpoint(f"{self.step_number}", folder / name)
        position = {"step": self.step_number, "tokens": self.tokens, "seconds": self.seconds}
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
        config.most_density,
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
def start_training_from_data(sae: Any, batch: Float[Tensor, "token d_in"], ridge: float) -> None:
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
    chosen = select(some, encoder, torch.zeros_like(sae.b_enc), sae.cfg.k, sae.handicap)
    rebuilt = sparse_training_matrix(*chosen, (len(some), sae.cfg.d_sae)) @ directions
    encoder *= (some * rebuilt).sum() / rebuilt.pow(2).sum()
    norm = encoder.norm(dim=0).sqrt()
    sae.b_dec.copy_(mean)
    sae.W_dec.copy_(directions * norm[:, None])
    sae.W_enc.copy_(encoder / norm)
