"""SAEs as they lie in SAELens' registry, in the package or in a folder, loaded through SAELens.

An atlas reads one hook point, gives each token by itself to an SAE, and stores what fires above zero: of SAELens'
kinds `WHY_NOT` names those that it cannot hold.
"""

import copy
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors.torch import load_file

from ingest.models.hook_points import hook_layer
from ingest.models.hub import hub_access
from ingest.models.names import POCKET, SAEName, is_of_another_block, parse_sae_name
from ingest.models.sae import SAE
from ingest.models.weights import check_finite, weights_sha256
from schema.errors import ModelError

log = logging.getLogger(__name__)

DEFAULT_CONTEXT_SIZE = 128


def load_sae(name: str, device: str = "cpu") -> SAE:
    """Load an SAE by any of its spellings (see `ingest.models.names`), in float32.

    Raises:
        ModelError: the name means nothing, or its weights cannot be had or read.
    """
    parsed = parse_sae_name(name)
    module, log_sparsity = _load_folder(parsed.folder, device) if parsed.folder else _load_registered(parsed, device)
    return _sae(parsed, module, log_sparsity)


def sae_in_memory(module: Any, name: str = "") -> SAE:
    """An SAE that is in memory, SAELens' object: a copy of it in float32, which is left as it is.

    Its name is RELEASE/SAE_ID of SAELens' registry or of your own; if none is given, memory/HOOK_NAME.

    Raises:
        ModelError: it is of a kind that an atlas cannot hold, does not say where it reads, or a weight is no number.
    """
    release, _, sae_id = (name or f"memory/{module.cfg.metadata.hook_name}").partition("/")
    if not sae_id:
        raise ModelError(f"'{name}' names no SAE; name it RELEASE/SAE_ID, such as mine/blocks.8.hook_resid_pre")
    return _sae(SAEName(release, sae_id), copy.deepcopy(module).to(dtype=torch.float32), None)


def _sae(parsed: SAEName, module: Any, log_sparsity: torch.Tensor | None) -> SAE:
    check_sae_kind(module, str(parsed))
    module.eval().requires_grad_(requires_grad=False)
    if log_sparsity is not None:
        log_sparsity = _of_features(log_sparsity, int(module.cfg.d_sae), parsed)
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
    return SAE(
        name=parsed,
        module=module,
        log_sparsity=log_sparsity,
        model_name=str(model_name or ""),
        model_options=dict(metadata.model_from_pretrained_kwargs or {}),
        hook_name=metadata.hook_name,
        context_size=context_size,
        prepend_bos=prepend_bos,
        neuronpedia_id=_published_name(parsed, metadata.neuronpedia_id, metadata.hook_name),
        weights_sha256=weights_sha256(module.state_dict()),
    )


def _published_name(parsed: SAEName, neuronpedia_id: str | None, hook_name: str) -> str | None:
    """What the SAE is called at Neuronpedia; None where that is the name of an SAE of another block."""
    if neuronpedia_id and is_of_another_block(neuronpedia_id, hook_name):
        log.warning(
            "%s reads %s, and its files call it %s, which is of another block: it gets no links and no labels of that",
            parsed,
            hook_name,
            neuronpedia_id,
        )
        return None
    return neuronpedia_id


def _load_folder(folder: Path, device: str) -> tuple[Any, torch.Tensor | None]:
    import sae_lens

    check_sae_checkpoint(folder)
    try:
        with _model_advice_unsaid():
            return sae_lens.SAE.load_from_disk(folder, device=device, dtype="float32"), _load_sparsity(folder)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{folder} cannot be loaded as a SAELens folder: {_first_line(error)}") from error


def _load_sparsity(folder: Path) -> torch.Tensor | None:
    file = folder / "sparsity.safetensors"
    if not file.is_file():
        return None
    held = load_file(file)
    if "sparsity" not in held:
        raise ModelError(
            f"{file} holds no tensor 'sparsity', but {', '.join(sorted(held)) or 'none'}; name it so, or take the file "
            "away: nothing but log_sparsity comes from it"
        )
    return held["sparsity"].float()


def _of_features(log_sparsity: torch.Tensor, d_sae: int, name: SAEName) -> torch.Tensor:
    """One number for each feature, in whatever shape they lie."""
    if log_sparsity.numel() != d_sae:
        where = name.folder / "sparsity.safetensors" if name.folder else f"the sparsity of {name}"
        raise ModelError(
            f"{where} has {log_sparsity.numel():,} numbers, but the SAE {d_sae:,} features; get the file anew, or take "
            "it away"
        )
    return log_sparsity.reshape(d_sae)


def _load_registered(name: SAEName, device: str) -> tuple[Any, torch.Tensor | None]:
    import sae_lens

    with hub_access(f"SAE {name}", "--sae FOLDER --model FOLDER"), _model_advice_unsaid():
        module, _, log_sparsity = sae_lens.SAE.from_pretrained_with_cfg_and_sparsity(
            name.release, name.sae_id, device=device
        )
    return module, log_sparsity


@contextmanager
def _model_advice_unsaid() -> Iterator[None]:
    """Without SAELens' advice on loading the model: `load_together` does as it says."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*This SAE has non-empty model_from_pretrained_kwargs")
        yield


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


TRANSCODERS = ("transcoder", "skip_transcoder", "jumprelu_transcoder", "jumprelu_skip_transcoder")

WHY_NOT = MappingProxyType(
    {
        "abstopk": "features of {} SAEs fire below zero as well, and an atlas holds activations above zero",
        "temporal": "features of {} SAEs look at the tokens before, and an atlas encodes each token by itself",
        **dict.fromkeys(
            TRANSCODERS, "a {} reads one hook point and writes at another, and an atlas holds SAEs of one alone"
        ),
    }
)
"""By SAELens' name of the architecture."""


def check_sae_kind(module: Any, name: str) -> None:
    """Look at what SAELens has loaded.

    Raises:
        ModelError: it is of a kind that an atlas cannot hold, or its settings contradict each other.
    """
    architecture = str(module.cfg.architecture())
    if architecture in WHY_NOT:
        why = WHY_NOT[architecture].format(architecture)
        raise ModelError(f"{name} cannot be used: {why}; use an SAE of another architecture")
    k, d_sae = getattr(module.cfg, "k", None), int(module.cfg.d_sae)
    if k is not None and not 0 < k <= d_sae:
        raise ModelError(
            f"{name} cannot be used: its cfg.json keeps the k = {k} largest of {d_sae} features; k is at least 1, and "
            "at most as many as there are"
        )


def check_sae_checkpoint(folder: Path) -> None:
    """Look at a folder before SAELens does.

    Raises:
        ModelError: it was saved while it was trained.
    """
    from sae_lens.registry import SAE_CLASS_REGISTRY, SAE_TRAINING_CLASS_REGISTRY

    try:
        config = json.loads((folder / "cfg.json").read_text(encoding="utf-8"))
        architecture = config["architecture"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if architecture in SAE_TRAINING_CLASS_REGISTRY and architecture not in SAE_CLASS_REGISTRY:
        raise ModelError(
            f"{folder} is a checkpoint of training ({architecture}), no SAE yet: SAELens' save_inference_model writes "
            "the SAE, from the object that load_from_disk of SAELens' TrainingSAE gives"
        )
