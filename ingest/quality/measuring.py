"""The sums of a batch of windows: through the model, the SAE and back."""

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import chain
from operator import add
from typing import Any

import torch
from jaxtyping import Bool, Float, Int

from ingest.encode.padding import FORWARD_TOKENS, alike_in_length, is_text, padded
from ingest.encode.windows import Window
from ingest.models.language_model import LanguageModel
from ingest.models.sae import LoadedSAE
from ingest.quality.replacing import Replaceable, replaceable
from ingest.quality.sums import Losses, Reconstruction
from schema.errors import ModelError

CHUNK_ROWS = 512
"""Tokens encoded at a time: an SAE is wide."""


class Meter:
    """Measures what an SAE keeps of windows of text.

    Raises:
        ModelError: the SAE is a transcoder, which reconstructs another place than the one it reads.
    """

    def __init__(self, model: LanguageModel, sae: LoadedSAE, device: str = "cpu") -> None:
        if hasattr(sae.module.cfg, "d_out"):
            raise ModelError(
                f"{sae.name} is a {sae.architecture}: it reconstructs another place than it reads, "
                "so what it keeps of its input means nothing; evaluate an autoencoder"
            )
        if sae.module.cfg.reshape_activations == "hook_z":
            sae.module.turn_off_forward_pass_hook_z_reshaping()  # heads come flattened already
        self.module: Any = sae.module
        self.model: Replaceable = replaceable(model, sae.hook_name)
        self.first_position = int(sae.prepend_bos)
        self.bos_token_id = model.bos_token_id
        self.device = device

    def measure(self, windows: Sequence[Window]) -> Iterator[tuple[Reconstruction, Losses]]:
        """The sums of the windows, those of like length together."""
        for group in alike_in_length(range(len(windows)), windows, self.first_position, FORWARD_TOKENS):
            chosen = [windows[i] for i in group]
            tokens = padded(chosen, self.first_position, self.bos_token_id).to(self.device)
            yield self.batch(tokens, is_text(chosen, self.first_position).to(self.device))

    @torch.inference_mode()
    def batch(
        self, tokens: Int[torch.Tensor, "batch position"], text: Bool[torch.Tensor, "batch position"]
    ) -> tuple[Reconstruction, Losses]:
        """The sums of one forward pass; what is not text stays as it is."""
        run = self.model.run(tokens)
        reconstructed, parts = run.at_hook.clone(), list(self._chunks(run.at_hook[text]))
        reconstructed[text] = torch.cat([x_hat for x_hat, _ in parts])
        zeroed = run.at_hook.masked_fill(text[..., None], 0)
        outputs = chain((run.outputs,), map(run.outputs_with, (reconstructed, zeroed)))  # one at a time: they are wide
        nats = (self.model.nats(output, tokens, text) for output in outputs)
        return reduce(add, (sums for _, sums in parts)), Losses(int(text[:, 1:].sum()), *nats)

    def _chunks(
        self, x: Float[torch.Tensor, "token d_in"]
    ) -> Iterator[tuple[Float[torch.Tensor, "token d_in"], Reconstruction]]:
        """The SAE's reconstruction of some tokens at a time; its normalisation is undone by the decode that follows."""
        for rows in torch.split(x, CHUNK_ROWS):
            acts = self.module.encode(rows)
            acts = acts.to_dense() if acts.is_sparse else acts
            x_hat = self.module.decode(acts)
            yield x_hat, Reconstruction.of(rows, x_hat, acts)
