"""Tiny SAEs with random weights, and the formats in which models and SAEs lie in folders."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sae_lens.saes.sae import SAEMetadata

from ingest.models.names import SAEName
from ingest.models.sae import SAE
from ingest.models.sae_activations import SparseActivations
from ingest.models.weights import weights_sha256

D_IN, D_SAE = 12, 40


def tiny_sae(architecture: str, d_in: int = D_IN, d_sae: int = D_SAE, seed: int = 0, **options: Any) -> Any:
    """An SAE of SAELens' own classes with random weights, every parameter away from zero."""
    sae_class, config_class = _classes(architecture)
    metadata = SAEMetadata(hook_name=options.pop("hook_name", "blocks.0.hook_resid_pre"), model_name="tiny")
    module = sae_class(config_class(d_in=d_in, d_sae=d_sae, metadata=metadata, **options))
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(module.named_parameters()):
        values = torch.randn(parameter.shape, generator=generator) * (0.3 if parameter.dim() > 1 else 0.1)
        parameter.data = values.abs() if name == "threshold" else values
    return module.eval().requires_grad_(requires_grad=False)


def _classes(architecture: str) -> tuple[Any, Any]:
    from sae_lens.registry import get_sae_class

    sae_class, config_class = get_sae_class(architecture)
    return sae_class, config_class


def loaded(module: Any, **changes: Any) -> SAE:
    """The same as `load_sae` would give it."""
    metadata = module.cfg.metadata
    sae = SAE(
        name=SAEName("tiny", metadata.hook_name),
        module=module,
        log_sparsity=None,
        model_name="tiny",
        model_options={},
        hook_name=metadata.hook_name,
        context_size=16,
        prepend_bos=True,
        neuronpedia_id=None,
        weights_sha256=weights_sha256(module.state_dict()),
    )
    return dataclasses.replace(sae, **changes)


def save_sae(module: Any, folder: Path, **metadata: Any) -> str:
    """Write a SAELens folder with that metadata; its name."""
    module.save_model(folder)
    config = json.loads((folder / "cfg.json").read_text())
    config["metadata"] |= metadata
    (folder / "cfg.json").write_text(json.dumps(config))
    return str(folder)


def dense(found: SparseActivations, rows: int, d_sae: int) -> np.ndarray:
    """Sparse activations as a matrix."""
    matrix = np.zeros((rows, d_sae), np.float32)
    matrix[found.row, found.feature] = found.activation
    return matrix
