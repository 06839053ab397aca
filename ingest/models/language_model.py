"""Language models, loaded through Hugging Face and wrapped by TransformerLens.

The weights stay as they are but for what the SAE was trained with (SAELens'
`model_from_pretrained_kwargs`): default processing folds ln_final into W_U and
changes the statistics of logit weights.
"""

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float

from ingest.models.hub import hub_access, loadable_name
from ingest.models.names import POCKET, Precision, local_folder, pocket_folder
from ingest.models.weights import check_finite, weights_sha256
from schema.errors import ModelError

TOKENIZER_FILES = ("tokenizer.json", "*.model", "vocab.*", "merges.txt", "*.tiktoken", "tekken.json")
"""Any of them in a folder is a vocabulary; without one Hugging Face makes up a tokenizer that knows no word."""


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

    def __str__(self) -> str:
        done = [name for name, value in vars(self).items() if value]
        return " and ".join(done) or "no processing"


@dataclass(frozen=True)
class LanguageModel:
    """A language model, its tokenizer, how its weights were processed, and in which precision it is to be run."""

    name: str
    bridge: Any
    tokenizer: Any
    processing: Processing
    weights_sha256: str
    precision: Precision = "float32"

    @classmethod
    def of(
        cls, hf_model: Any, tokenizer: Any, name: str = "", processing: Processing = Processing(), device: str = ""
    ) -> "LanguageModel":
        """A model that is in memory: a copy of it in float32; the model itself is left as it is, gradients and all.

        Its name is that which Hugging Face's object was loaded by, if none is given; its device too. `processing` is
        what the SAEs that read it were trained with (SAELens' model_from_pretrained_kwargs).

        Raises:
            ModelError: its tokenizer or architecture cannot be used, or a weight is no number.
        """
        found = name or str(getattr(hf_model.config, "name_or_path", "") or "in memory")
        return _language_model(copy.deepcopy(hf_model).float(), tokenizer, found, processing, device or hf_model.device)

    @property
    def config(self) -> Any:
        """TransformerLens' configuration: n_layers, d_model, n_heads, n_ctx, d_vocab."""
        return self.bridge.cfg

    @property
    def architecture(self) -> str:
        """Hugging Face's architecture class."""
        return architecture_of(self.bridge.original_model)

    @property
    def bos_token_id(self) -> int:
        """The token that begins every window.

        Raises:
            ModelError: the tokenizer has none.
        """
        if self.tokenizer.bos_token_id is None:
            raise ModelError(
                f"the tokenizer of {self.name} has no BOS token, which the SAE's windows begin with (prepend_bos)"
            )
        return int(self.tokenizer.bos_token_id)

    @property
    def padding_token_id(self) -> int:
        """What stands before windows and fills them up: BOS; without one a token that fills up only."""
        special = (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, 0)
        return int(next(token for token in special if token is not None))

    @property
    def end_of_text(self) -> int:
        """The token that ends a text, by the tokenizer: config.json may name none, several, or another's."""
        end = self.tokenizer.eos_token_id
        return self.padding_token_id if end is None else int(end)

    @property
    def W_U(self) -> Float[torch.Tensor, "d_model d_vocab"]:
        """The unembedding, as processed."""
        W_U: torch.Tensor = self.bridge.W_U
        return W_U.detach()

    @property
    def b_U(self) -> Float[torch.Tensor, " d_vocab"]:
        """The unembedding's bias, as processed."""
        b_U: torch.Tensor = self.bridge.b_U
        return b_U.detach()

    @property
    def W_E(self) -> Float[torch.Tensor, "d_vocab d_model"]:
        """The embedding, as processed."""
        W_E: torch.Tensor = self.bridge.W_E
        return W_E.detach()

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
            loaded, tokenizer = _load(loadable_name(name))
    return _language_model(loaded, tokenizer, name, processing, device)


def load_tokenizer(name: str) -> Any:
    """The tokenizer alone of `pocket`, of a local Hugging Face folder, or of a model that the hub knows.

    Raises:
        ModelError: it cannot be had.
    """
    from transformers import AutoTokenizer

    folder = pocket_folder() / "gpt2" if name == POCKET else local_folder(name)
    if folder is None:
        with hub_access(f"the tokenizer of {name}", "--tokenizer FOLDER"):
            found = AutoTokenizer.from_pretrained(loadable_name(name))
    else:
        try:
            found = AutoTokenizer.from_pretrained(str(folder))
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(f"{folder} holds no tokenizer that can be loaded: {reason}") from error
    if not getattr(found, "is_fast", False):
        raise ModelError(f"the tokenizer of {name} gives no character spans; it cannot be used")
    return found


def _language_model(
    loaded: Any, tokenizer: Any, name: str, processing: Processing, device: str | torch.device
) -> LanguageModel:
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(f"the tokenizer of {name} gives no character spans; it cannot be used")
    loaded = loaded.to(device).eval().requires_grad_(requires_grad=False)
    check_finite(f"model {name}", loaded.named_parameters())
    digest = weights_sha256(loaded.state_dict())
    return LanguageModel(name, _bridge(loaded, name, processing), tokenizer, processing, digest)


def architecture_of(loaded: Any) -> str:
    """The architecture class that config.json names, or where it names none that is known, the one that was loaded."""
    from transformer_lens.model_bridge.sources.transformers import SUPPORTED_ARCHITECTURES

    declared = (loaded.config.architectures or [""])[0]
    return str(declared if declared in SUPPORTED_ARCHITECTURES else type(loaded).__name__)


def _load_folder(folder: Path) -> tuple[Any, Any]:
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{folder} is no Hugging Face folder: it holds no config.json beside its weights and tokenizer; "
            "give the folder that save_pretrained wrote"
        )
    if not any(any(folder.glob(pattern)) for pattern in TOKENIZER_FILES):
        raise ModelError(
            f"{folder} holds no tokenizer (tokenizer.json, or vocab.json and merges.txt); save it there: "
            "tokenizer.save_pretrained(FOLDER)"
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


def _bridge(loaded: Any, name: str, processing: Processing) -> Any:
    from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module

    architecture = architecture_of(loaded)
    try:
        bridge = build_bridge_from_module(loaded, architecture, hf_config=loaded.config, model_name=name)
    except (ValueError, KeyError, NotImplementedError, AttributeError) as error:
        raise ModelError(
            f"TransformerLens cannot wrap {name}, a {type(loaded).__name__}, as {architecture}: {error}; "
            "an atlas reads language models whole, with their unembedding"
        ) from error
    if processing != Processing():
        bridge.process_weights(
            fold_ln=processing.fold_ln,
            center_writing_weights=processing.center_writing_weights,
            center_unembed=processing.center_unembed,
            fold_value_biases=False,
        )
    for parameter in bridge.parameters():
        parameter.requires_grad_(requires_grad=False)
    return bridge
