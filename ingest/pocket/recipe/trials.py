"""Autoencoders of other kinds and sizes, trained alike on one hook and compared by what a reader wants of features.

The judging part has no say: features are chosen on one half of the choosing part, by work, and counted on the other.
Of each document the first window is read, which is what says how many features mean one domain.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from sae_lens import SAE
from transformers import GPT2LMHeadModel

from ingest.pocket.recipe.budget import Budget, Workers
from ingest.pocket.recipe.evaluate import hook_figures
from ingest.pocket.recipe.fidelity import measure_hooks, trained_hooks_cross_entropies
from ingest.pocket.recipe.language_model import hook_name
from ingest.pocket.recipe.meaning import Part
from ingest.pocket.recipe.sae import save_saes, train_saes
from ingest.pocket.recipe.sae_trainers import SAEConfig
from ingest.pocket.recipe.windows import Text, TrainingText

CROSS_ENTROPY_EVERY = 4
"""Cross-entropy with the hook replaced is taken on every fourth window."""


@dataclass(frozen=True)
class Trial:
    """One autoencoder to try: its name in the card, and its configuration made of the recipe's own."""

    name: str
    change: Callable[[SAEConfig], SAEConfig]
    longer: float = 1.0
    """How many times the budget of a trial it is trained for."""


def _mixed(own: SAEConfig, balance: float) -> SAEConfig:
    """What did best one by one, put together."""
    return replace(own, balance=balance, ridge=own.ridge / 3, k=own.k * 6 / 5)


def _rarer(own: SAEConfig, most_density: float) -> SAEConfig:
    """The same of balanced text, where no feature fires on more of the tokens than that."""
    return replace(_mixed(own, own.balance / 2), most_density=most_density)


TRIALS = (
    Trial("three times as long", lambda own: own, longer=3.0),
    Trial("as it is", lambda own: own),
    Trial("k x 3/4", lambda own: replace(own, k=own.k * 3 / 4)),
    Trial("k x 5/4", lambda own: replace(own, k=own.k * 5 / 4)),
    Trial("features x 5/4", lambda own: replace(own, d_sae=own.d_sae * 5 // 4)),
    Trial("Matryoshka, 1/16 and 1/4 within", lambda own: replace(own, widths=(own.d_sae // 16, own.d_sae // 4))),
    Trial("domains by the root of their size", lambda own: replace(own, balance=own.balance / 2)),
    Trial("ridge x 1/3", lambda own: replace(own, ridge=own.ridge / 3)),
    Trial("root of their size, ridge x 1/3, k x 6/5", lambda own: _mixed(own, own.balance / 2)),
    Trial("domains alike, ridge x 1/3, k x 6/5", lambda own: _mixed(own, 0.0)),
    Trial("root of their size, ridge x 1/3, k x 6/5, no density over 5%", lambda own: _rarer(own, 0.05)),
    Trial("root of their size, ridge x 1/3, k x 6/5, no density over 3%", lambda own: _rarer(own, 0.03)),
    Trial(
        "the same, a tenth of it downstream",
        lambda own: replace(_rarer(own, 0.03), downstream=0.1),
    ),
)


@dataclass(frozen=True)
class Setting:
    """What all trials share: the language model's folder, both texts, the recipe's own autoencoder, budget and seed."""

    language_model: Path
    text: TrainingText
    halves: tuple[Text, Text]
    config: SAEConfig
    budget: Budget
    seed: int

    @property
    def block(self) -> int:
        """The middle one of the blocks whose inputs are read."""
        return sorted(self.config.blocks)[len(self.config.blocks) // 2]


def run_trials(setting: Setting, folder: Path, threads: int) -> list[dict[str, Any]]:
    """A row for each trial, kept in the folder's `rows.json`; with more threads than one, trials run side by side.

    A trial that left its row is not run again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbers, run = range(len(TRIALS)), partial(_row, setting, folder)
    if threads > 1:
        with ProcessPoolExecutor(threads, get_context("spawn"), initializer=_on_one_core) as pool:
            rows = list(pool.map(run, numbers))
    else:
        rows = list(map(run, numbers))
    (folder / "rows.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return rows


def _on_one_core() -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def _row(setting: Setting, folder: Path, number: int) -> dict[str, Any]:
    """Run one trial, or read what came of it."""
    place = folder / str(number)
    stored = place / "row.json"
    if not stored.exists():
        stored.write_text(json.dumps(_try(setting, TRIALS[number], place)), encoding="utf-8")
    row: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8"))
    return row


def _try(setting: Setting, trial: Trial, place: Path) -> dict[str, Any]:
    model: Any = GPT2LMHeadModel.from_pretrained(str(setting.language_model), dtype=torch.float32)
    model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    config = trial.change(replace(setting.config, blocks=(setting.block,)))
    if not (place / "sae").exists():
        windows, budget = setting.text.balanced(config.balance, setting.seed), _longer(setting.budget, trial.longer)
        save_saes(train_saes(model, windows, config, budget, place, seed=setting.seed), place)
    hook = hook_name(setting.block)
    sae = SAE.load_from_disk(str(place / "sae" / hook), device=str(model.device), dtype="float32")
    found = _judged(model, setting.block, sae, setting.halves)
    activations = json.loads((place / "position.json").read_text(encoding="utf-8"))["tokens"]
    settings = {"k": config.k, "ridge": config.ridge, "balance": config.balance}
    return {"name": trial.name, "hook": hook, "activations": activations} | settings | found


def _longer(budget: Budget, factor: float) -> Budget:
    tokens = None if budget.tokens is None else int(budget.tokens * factor)
    return Budget(tokens, None if budget.seconds is None else budget.seconds * factor)


def _judged(model: GPT2LMHeadModel, block: int, sae: Any, halves: tuple[Text, Text]) -> dict[str, Any]:
    """How faithful one autoencoder is, and how many of its features mean one domain, on the second half."""
    workers = Workers()
    chosen, judged = (measure_hooks(model, {block: sae}, text, workers)[1][block] for text in halves)
    entropies = trained_hooks_cross_entropies(model, {block: sae}, halves[1].windows[::CROSS_ENTROPY_EVERY], workers)
    found = hook_figures(Part(halves[0], chosen), Part(halves[1], judged), entropies[block])
    kept = ("features", "explained_variance", "l0", "dead", "ce_recovered", "medical_kept")
    domains = {row["domain"]: {name: row[name] for name in ("held", "clear")} for row in found["domains"]}
    return {name: found[name] for name in kept} | {"domains": domains}
