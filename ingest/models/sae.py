"""Sparse autoencoders, loaded through SAELens from its registry, the package or a folder."""

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import load_file

from ingest.models.hub import hub_access
from ingest.models.names import POCKET, SAEName, parse_sae_name
from ingest.models.weights import check_finite, weights_sha256
from schema.errors import ModelError

HOOK_NAME = re.compile(r"blocks\.(\d+)\.[\w.]+")
DEFAULT_CONTEXT_SIZE = 128


@dataclass(frozen=True)
class LoadedSAE:
    """An SAE with what SAELens knows of it.

    Shapes: log_sparsity (d_sae,), log10 of the share of tokens a feature fires on in training.
    """

    name: SAEName
    module: Any
    log_sparsity: Float[torch.Tensor, " d_sae"] | None
    model_name: str
    model_options: Mapping[str, Any]
    hook_name: str
    context_size: int
    prepend_bos: bool
    neuronpedia_id: str | None
    weights_sha256: str

    @property
    def d_in(self) -> int:
        """Width of its input."""
        return int(self.module.cfg.d_in)

    @property
    def d_sae(self) -> int:
        """Number of features."""
        return int(self.module.cfg.d_sae)

    @property
    def architecture(self) -> str:
        """SAELens' name of the architecture."""
        return str(self.module.cfg.architecture())

    @property
    def hook_layer(self) -> int:
        """Block of the hook."""
        return hook_layer(self.hook_name)

    @property
    def W_dec(self) -> Float[torch.Tensor, "d_sae d_in"]:
        """The decoder's rows: a direction for each feature."""
        W_dec: torch.Tensor = self.module.W_dec
        return W_dec.detach()


def hook_layer(hook_name: str) -> int:
    """The block that a TransformerLens hook name speaks of.

    Raises:
        ModelError: it names no block.
    """
    match = HOOK_NAME.match(hook_name)
    if match is None:
        raise ModelError(f"hook '{hook_name}' is in no block; an atlas reads hooks such as blocks.8.hook_resid_pre")
    return int(match.group(1))


def load_sae(name: str, device: str = "cpu") -> LoadedSAE:
    """Load an SAE by any of its spellings (see `ingest.models.names`), in float32.

    Raises:
        ModelError: the name means nothing, or its weights cannot be had or read.
    """
    parsed = parse_sae_name(name)
    module, log_sparsity = _load_folder(parsed.folder, device) if parsed.folder else _load_registered(parsed, device)
    module.eval().requires_grad_(requires_grad=False)
    check_finite(f"SAE {parsed}", module.state_dict().items(), int(module.cfg.d_sae))
    metadata = module.cfg.metadata
    model_name = POCKET if parsed.release == POCKET else metadata.model_name
    if metadata.hook_name is None:
        raise ModelError(f"{parsed} does not say where it reads: its cfg.json has no hook_name")
    hook_layer(metadata.hook_name)
    context_size = int(metadata.context_size or DEFAULT_CONTEXT_SIZE)
    prepend_bos = True if metadata.prepend_bos is None else bool(metadata.prepend_bos)
    if context_size <= int(prepend_bos):
        raise ModelError(f"{parsed} cannot be used: a window of {context_size} has no room for text")
    return LoadedSAE(
        name=parsed,
        module=module,
        log_sparsity=log_sparsity,
        model_name=str(model_name or ""),
        model_options=dict(metadata.model_from_pretrained_kwargs or {}),
        hook_name=metadata.hook_name,
        context_size=context_size,
        prepend_bos=prepend_bos,
        neuronpedia_id=metadata.neuronpedia_id,
        weights_sha256=weights_sha256(module.state_dict()),
    )


def _load_folder(folder: Path, device: str) -> tuple[Any, torch.Tensor | None]:
    from sae_lens import SAE

    sparsity = folder / "sparsity.safetensors"
    try:
        with _model_advice_unsaid():
            module = SAE.load_from_disk(folder, device=device, dtype="float32")
        return module, load_file(sparsity)["sparsity"].float() if sparsity.is_file() else None
    except Exception as error:
        raise ModelError(f"{folder} cannot be loaded as a SAELens folder: {_first_line(error)}") from error


def _load_registered(name: SAEName, device: str) -> tuple[Any, torch.Tensor | None]:
    from sae_lens import SAE

    with hub_access(f"SAE {name}", "--sae FOLDER --model FOLDER"), _model_advice_unsaid():
        module, _, log_sparsity = SAE.from_pretrained_with_cfg_and_sparsity(name.release, name.sae_id, device=device)
    return module, log_sparsity


@contextmanager
def _model_advice_unsaid() -> Iterator[None]:
    """Without SAELens' advice on loading the model: `load_together` does as it says."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*This SAE has non-empty model_from_pretrained_kwargs")
        yield


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
