"""Language models, loaded through Hugging Face and wrapped by TransformerLens.

The weights stay as they are but for what the SAE was trained with (SAELens'
`model_from_pretrained_kwargs`): default processing folds ln_final into W_U and
changes the statistics of logit weights.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float

from ingest.models.hub import hub_access
from ingest.models.names import POCKET, local_folder, pocket_folder
from ingest.models.weights import check_finite, weights_sha256
from schema.errors import ModelError


@dataclass(frozen=True)
class Processing:
    """How weights are processed after loading; the names are TransformerLens'."""

    center_writing_weights: bool = False
    fold_ln: bool = False
    center_unembed: bool = False

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "Processing":
        """What an SAE's `model_from_pretrained_kwargs` ask for.

        Raises:
            ModelError: an option that is not about processing weights.
        """
        unknown = sorted(set(options) - set(cls.__dataclass_fields__))
        if unknown:
            raise ModelError(f"the SAE asks for model options that are not supported: {', '.join(unknown)}")
        return cls(**{name: bool(value) for name, value in options.items()})


@dataclass(frozen=True)
class LanguageModel:
    """A language model, its tokenizer, and how its weights were processed."""

    name: str
    bridge: Any
    tokenizer: Any
    processing: Processing
    weights_sha256: str

    @property
    def config(self) -> Any:
        """TransformerLens' configuration: n_layers, d_model, n_heads, n_ctx, d_vocab."""
        return self.bridge.cfg

    @property
    def architecture(self) -> str:
        """Hugging Face's architecture class."""
        return str(self.bridge.original_model.config.architectures[0])

    @property
    def bos_token_id(self) -> int:
        """The token that begins every window."""
        return int(self.tokenizer.bos_token_id)

    @property
    def W_U(self) -> Float[torch.Tensor, "d_model d_vocab"]:
        """The unembedding, as processed."""
        W_U: torch.Tensor = self.bridge.W_U
        return W_U.detach()

    @property
    def tokenizer_sha256(self) -> str:
        """SHA-256 of the tokenizer's whole definition."""
        return hashlib.sha256(self.tokenizer.backend_tokenizer.to_str().encode()).hexdigest()


def load_language_model(name: str, processing: Processing, device: str = "cpu") -> LanguageModel:
    """Load `pocket`, a local Hugging Face folder, or a name that TransformerLens or the hub knows.

    Raises:
        ModelError: it cannot be had, or its tokenizer or architecture cannot be used.
    """
    if name == POCKET:
        loaded, tokenizer = _load_folder(pocket_folder() / "gpt2")
    elif folder := local_folder(name):
        loaded, tokenizer = _load_folder(folder)
    else:
        with hub_access(f"model {name}", "--model FOLDER"):
            loaded, tokenizer = _load(_hub_name(name))
    if not tokenizer.is_fast or tokenizer.bos_token_id is None:
        raise ModelError(f"the tokenizer of {name} gives no character spans or has no BOS token; it cannot be used")
    loaded = loaded.to(device).eval().requires_grad_(requires_grad=False)
    check_finite(f"model {name}", loaded.named_parameters())
    digest = weights_sha256(loaded.state_dict())
    return LanguageModel(name, _bridge(loaded, name, processing), tokenizer, processing, digest)


def _load_folder(folder: Path) -> tuple[Any, Any]:
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{folder} is no Hugging Face folder: it holds no config.json beside its weights and tokenizer; "
            "give the folder that save_pretrained wrote"
        )
    try:
        return _load(str(folder))
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{folder} cannot be loaded as a Hugging Face folder: {reason}") from error


def _load(source: str) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    tokenizer = AutoTokenizer.from_pretrained(source)
    return AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32), tokenizer


def _hub_name(name: str) -> str:
    from transformer_lens.loading_from_pretrained import get_official_model_name

    try:
        return str(get_official_model_name(name))
    except ValueError:
        return name


def _bridge(loaded: Any, name: str, processing: Processing) -> Any:
    from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module

    architecture = loaded.config.architectures[0]
    try:
        bridge = build_bridge_from_module(loaded, architecture, hf_config=loaded.config, model_name=name)
    except (ValueError, KeyError, NotImplementedError) as error:
        raise ModelError(f"TransformerLens cannot wrap {architecture} of {name}: {error}") from error
    if processing != Processing():
        bridge.process_weights(
            fold_ln=processing.fold_ln,
            center_writing_weights=processing.center_writing_weights,
            center_unembed=processing.center_unembed,
            fold_value_biases=False,
        )
    return bridge
