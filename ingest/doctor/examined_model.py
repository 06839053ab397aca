"""What is examined: a model and an SAE, read in a certain way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float

from ingest.models.hook_points import hook_at, hook_kind, hook_layer
from ingest.models.hooked import HookedModel
from ingest.models.hooked_model import hooked_model
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from schema.errors import ModelError

KEPT = 64
"""Prompts whose activations are kept."""


@dataclass(frozen=True)
class Reading:
    """How a model and an SAE are read; by default as the SAE's own settings say.

    bos: BOS tokens before a text; shift: added to every feature's number; blocks: to the block that is read;
    norm: the power of the decoder row's length that activations are multiplied by; steered_from: the first position
    that is steered; bos_counted: whether means over positions count BOS.
    """

    bos: int | None = None
    shift: int = 0
    blocks: int = 0
    norm: int = 0
    steered_from: int = 0
    bos_counted: bool = True


@dataclass(frozen=True)
class Subject:
    """A model, and an SAE of it or none."""

    model: LanguageModel
    sae: SAE | None
    reading: Reading = Reading()
    kept: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def read_as(self, reading: Reading) -> "Subject":
        """The same, read in another way."""
        return Subject(self.model, self.sae, reading)

    @property
    def reads(self) -> SAE:
        """The SAE.

        Raises:
            ModelError: there is none.
        """
        if self.sae is None:
            raise ModelError(f"nothing can be said of features of {self.model.name} without an SAE")
        return self.sae

    @property
    def bos(self) -> int:
        """BOS tokens before a text."""
        if self.reading.bos is not None:
            return self.reading.bos
        return 1 if self.sae is None else int(self.sae.prepend_bos)

    @property
    def hook_name(self) -> str:
        """The hook point that is read."""
        name = self.reads.hook_name
        return hook_at(hook_layer(name) + self.reading.blocks, hook_kind(name))

    def token_ids(self, text: str) -> list[int]:
        """The tokens of a text, which is text whatever it looks like."""
        found = self.model.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return [int(each) for each in found]

    def feature(self, number: Any) -> int:
        """Where the feature of a number stands.

        Raises:
            ModelError: the SAE has none there.
        """
        feature = int(number) + self.reading.shift
        if not 0 <= feature < self.reads.d_sae:
            raise ModelError(f"{self.reads.name} has no feature {feature}: they are 0 to {self.reads.d_sae - 1}")
        return feature

    def stream(self, token_ids: Sequence[int], hook_name: str) -> Float[torch.Tensor, "token d_in"]:
        """What stands at a hook point, on each token of a text, heads side by side."""
        streams, key = self.kept.setdefault("streams", {}), (hook_name, tuple(token_ids))
        if key not in streams:
            if len(streams) >= KEPT:
                streams.clear()
            tokens = self._tokens(token_ids)
            with torch.inference_mode():
                value = self.hooked([hook_name]).run(tokens, [hook_name]).values[hook_name]
            streams[key] = value[0, self.bos :].flatten(1)
        found: torch.Tensor = streams[key]
        return found

    def positions(self) -> Callable[[str], Float[torch.Tensor, "position d_sae"]]:
        """What gives every feature's activation on BOS and on each token of a text, as many as fit the model."""
        run, n_ctx = self.hooked([self.hook_name]), int(self.model.config.n_ctx)

        def encoded(text: str) -> torch.Tensor:
            tokens = self.prompt(text)[:, :n_ctx]
            if not tokens.numel():
                return torch.zeros(0, self.reads.d_sae)
            with torch.inference_mode():
                return self.encode(run.run(tokens, [self.hook_name]).values[self.hook_name][0].flatten(1))

        return encoded

    def activations(self, token_ids: Sequence[int]) -> Float[torch.Tensor, "token d_sae"]:
        """Every feature's activation on each token of a text."""
        return self.encode(self.stream(token_ids, self.hook_name))

    def encode(self, x: Float[torch.Tensor, "token d_in"]) -> Float[torch.Tensor, "token d_sae"]:
        """Activations, as they are read."""
        with torch.inference_mode():
            found = self.reads.encode(x)
            return found * self.reads.W_dec.norm(dim=1) ** self.reading.norm if self.reading.norm else found

    def hooked(self, hook_names: Sequence[str] = ()) -> HookedModel:
        """The model, as far as the hook points need it."""
        return hooked_model(self.model, hook_names, cut=bool(hook_names))

    def prompt(self, text: str) -> torch.Tensor:
        """A text as the model reads it, BOS first."""
        return self._tokens(self.token_ids(text))

    def _tokens(self, token_ids: Sequence[int]) -> torch.Tensor:
        bos = [self.model.padding_token_id] * self.bos
        return torch.tensor([[*bos, *token_ids]], device=self.model.W_U.device)
