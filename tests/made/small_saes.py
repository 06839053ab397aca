"""Small SAEs over the embedded model: a few dozen features of its own ones."""

import copy
from pathlib import Path

import torch

from ingest.models.sae import SAE
from tests.made.tiny_models import save_sae

FEATURES = 60


def most_frequent(sae: SAE) -> torch.Tensor:
    """The features that fire most often, the most frequent first."""
    assert sae.log_sparsity is not None
    return sae.log_sparsity.argsort(descending=True)[:FEATURES]


def save_part(folder: Path, sae: SAE, kept: torch.Tensor) -> str:
    """Write a SAELens folder with those features of an SAE, in that order; its name."""
    part = copy.deepcopy(sae.module)
    for parameter, tensor in list(part.named_parameters()):
        if tensor.shape[-1] == part.cfg.d_sae:
            setattr(part, parameter, torch.nn.Parameter(tensor[..., kept].clone()))
        elif tensor.shape[0] == part.cfg.d_sae:
            setattr(part, parameter, torch.nn.Parameter(tensor[kept].clone()))
    part.cfg.d_sae = len(kept)
    return save_sae(part, folder)
