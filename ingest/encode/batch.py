"""A batch of documents, encoded: everything that one transaction stores.

Keys are not known here: rows speak of documents and windows by their place in
the batch. The result depends on nothing but the documents, the model and the
SAEs, so that every engine gives the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch

from ingest.encode.padding import FORWARD_TOKENS, alike_in_length, padded
from ingest.encode.sparse import NOTHING, Encoder, NotFiniteError, SparseActivations, sparse_encoder
from ingest.encode.windows import Tokenization, Window
from ingest.models.language_model import LanguageModel
from ingest.models.residual import Forward, forward_to_hooks
from ingest.models.sae import LoadedSAE
from schema.errors import ModelError


@dataclass(frozen=True)
class EncodedBatch:
    """Windows of each document, and activations of each SAE.

    activations[s] has columns window (place in the batch), position, feature, activation.
    """

    windows: list[list[Window]]
    activations: list[pa.Table]


@dataclass(frozen=True)
class BatchEncoder:
    """A model and the SAEs that read it, ready to encode documents."""

    tokenization: Tokenization
    bos_token_id: int
    forward: Forward
    encoders: tuple[Encoder, ...]
    hook_names: tuple[str, ...]
    device: str = "cpu"

    @classmethod
    def of(cls, model: LanguageModel, saes: Sequence[LoadedSAE], device: str = "cpu") -> "BatchEncoder":
        """The encoder of SAEs that share a model and a way of cutting windows."""
        hook_names = tuple(sae.hook_name for sae in saes)
        return cls(
            tokenization=Tokenization(model.tokenizer, saes[0].context_size, saes[0].prepend_bos),
            bos_token_id=model.bos_token_id,
            forward=forward_to_hooks(model, hook_names),
            encoders=tuple(map(sparse_encoder, saes)),
            hook_names=hook_names,
            device=device,
        )

    def encode(self, texts: Sequence[str], hashes: Sequence[str], wanted: Sequence[Sequence[bool]]) -> EncodedBatch:
        """Tokenize and encode; `wanted[s][d]` says whether SAE s is to encode document d."""
        windows = self.tokenization.windows(texts, hashes)
        owner = [document for document, parts in enumerate(windows) for _ in parts]
        flat = [window for parts in windows for window in parts]
        masks = [np.asarray(mask, dtype=bool)[owner] for mask in wanted]  # SAE -> (window,)
        needed = [i for i in range(len(flat)) if any(mask[i] for mask in masks)]
        parts: list[list[pa.Table]] = [[] for _ in self.encoders]
        for group in alike_in_length(needed, flat, self.tokenization.first_position, FORWARD_TOKENS):
            acts = self._forward([flat[i] for i in group])
            for s, encoder in enumerate(self.encoders):
                try:
                    parts[s].append(self._rows(encoder, acts[self.hook_names[s]], group, flat, masks[s]))
                except NotFiniteError as error:
                    text = texts[owner[error.row]]
                    raise ModelError(f"{self.hook_names[s]}: {error}, in the document {text[:60]!r}") from error
        return EncodedBatch(windows, [pa.concat_tables(part) if part else _no_rows() for part in parts])

    @torch.inference_mode()
    def bos_activations(self) -> list[SparseActivations]:
        """Each SAE's activations on BOS at position 0, which depend on nothing else; none where BOS is not read."""
        if not self.tokenization.prepend_bos:
            return [NOTHING for _ in self.encoders]
        acts = self.forward(torch.tensor([[self.bos_token_id]], device=self.device))
        return [encode(acts[hook][:, 0]) for encode, hook in zip(self.encoders, self.hook_names, strict=True)]

    @torch.inference_mode()
    def _forward(self, windows: Sequence[Window]) -> Mapping[str, torch.Tensor]:
        tokens = padded(windows, self.tokenization.first_position, self.bos_token_id)
        return self.forward(tokens.to(self.device))

    @torch.inference_mode()
    def _rows(
        self, encoder: Encoder, acts: torch.Tensor, group: Sequence[int], flat: Sequence[Window], mask: np.ndarray
    ) -> pa.Table:
        """Encode the windows of a group that are wanted, padding and BOS left out."""
        first = self.tokenization.first_position
        chosen = [(row, i) for row, i in enumerate(group) if mask[i]]
        if not chosen:
            return _no_rows()
        x = torch.cat([acts[row, first : first + len(flat[i])] for row, i in chosen])  # (token, d_in)
        window = np.concatenate([np.full(len(flat[i]), i, np.int32) for _, i in chosen])
        try:
            found = encoder(x)
        except NotFiniteError as error:
            raise NotFiniteError(int(window[error.row]), error.feature) from error
        position = np.concatenate([np.arange(first, first + len(flat[i]), dtype=np.int16) for _, i in chosen])
        columns = [window[found.row], position[found.row], found.feature, found.activation]
        return pa.table(columns, names=["window", "position", "feature", "activation"])


def _no_rows() -> pa.Table:
    types = [("window", pa.int32()), ("position", pa.int16()), ("feature", pa.int32()), ("activation", pa.float32())]
    return pa.table({name: pa.array([], type_) for name, type_ in types})
