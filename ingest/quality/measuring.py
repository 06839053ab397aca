"""The sums of a batch of windows: through the model, the SAE and back."""

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int

from ingest.encode.passes import FORWARD_TOKENS, pad_windows, passes_alike_in_length
from ingest.encode.windows import Window
from ingest.models.hook_points import RESID_PRE, hook_at
from ingest.models.hooked import Run
from ingest.models.hooked_model import hooked_model
from ingest.models.language_model import LanguageModel
from ingest.models.patch import Patch
from ingest.models.sae import SAE
from ingest.quality.quality_sums import Losses, Reconstruction
from schema.errors import ModelError

CHUNK_ROWS = 512
"""Tokens encoded at a time: an SAE is wide."""
LOGIT_ROWS = 256
"""Positions unembedded at a time: a vocabulary is wide."""


class Meter:
    """Measures what an SAE keeps of windows of text, in forward passes and chunks of so many tokens.

    Raises:
        ModelError: the SAE is a transcoder, which reconstructs another place than the one it reads.
    """

    def __init__(
        self,
        model: LanguageModel,
        sae: SAE,
        device: str = "cpu",
        *,
        forward_tokens: int = FORWARD_TOKENS,
        chunk_rows: int = CHUNK_ROWS,
    ) -> None:
        if hasattr(sae.module.cfg, "d_out"):
            raise ModelError(
                f"{sae.name} is a {sae.architecture}: it reconstructs another place than it reads, "
                "so what it keeps of its input means nothing; evaluate an autoencoder"
            )
        self.sae, self.model = sae, hooked_model(model, [sae.hook_name])
        self.block_input = hook_at(sae.hook_layer, RESID_PRE)
        self.first_position = int(sae.prepend_bos)
        self.bos_token_id = model.padding_token_id
        self.device = device
        self.forward_tokens, self.chunk_rows = forward_tokens, chunk_rows

    def measure(self, windows: Sequence[Window]) -> Iterator[tuple[Reconstruction, Losses]]:
        """The sums of the windows, those of like length together."""
        for group in passes_alike_in_length(range(len(windows)), windows, self.first_position, self.forward_tokens):
            chosen = [windows[i] for i in group]
            yield self.batch(*pad_windows(chosen, self.first_position, self.bos_token_id, self.device))

    @torch.inference_mode()
    def batch(
        self, tokens: Int[torch.Tensor, "batch position"], text: Bool[torch.Tensor, "batch position"]
    ) -> tuple[Reconstruction, Losses]:
        """The sums of one forward pass; what is not text stays as it is."""
        run = self.model.run(tokens, (self.sae.hook_name, self.block_input), logits=True)
        at_hook = run.values[self.sae.hook_name].flatten(2)
        reconstructed, parts = at_hook.clone(), list(self._chunks(at_hook[text]))
        reconstructed[text] = torch.cat([x_hat for x_hat, _ in parts])
        zeroed = at_hook.masked_fill(text[..., None], 0)
        clean = quality_cross_entropy(run, tokens, text)
        patched = (
            quality_cross_entropy(self._patched(run, value, tokens), tokens, text) for value in (reconstructed, zeroed)
        )
        return reduce(add, (sums for _, sums in parts)), Losses(int(text[:, 1:].sum()), clean, *patched)

    def _patched(self, run: Run, value: torch.Tensor, tokens: torch.Tensor) -> Run:
        """The model taken up at the hook's own block, with something else at the hook."""
        patch = Patch.replace(self.sae.hook_name, value)
        return self.model.resume(
            run.values[self.block_input], self.sae.hook_layer, patches=[patch], tokens=tokens, logits=True
        )

    def _chunks(
        self, x: Float[torch.Tensor, "token d_in"]
    ) -> Iterator[tuple[Float[torch.Tensor, "token d_in"], Reconstruction]]:
        """The SAE's reconstruction of some tokens at a time."""
        for rows in torch.split(x, self.chunk_rows):
            acts = self.sae.encode(rows)
            x_hat = self.sae.decode(acts, rows)
            yield x_hat, Reconstruction.of(rows, x_hat, acts)


def quality_cross_entropy(
    run: Run, tokens: Int[torch.Tensor, "batch position"], text: Bool[torch.Tensor, "batch position"]
) -> float:
    """The cross-entropy of all tokens of text that something stands before, added up."""
    before, wanted = text[:, 1:].nonzero(as_tuple=True), tokens[:, 1:][text[:, 1:]]
    parts = zip(*(torch.split(each, LOGIT_ROWS) for each in (*before, wanted)), strict=True)
    return sum(
        float(F.cross_entropy(run.logits((row, position)), ids, reduction="none").double().sum())
        for row, position, ids in parts
    )
