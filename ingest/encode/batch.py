"""A batch of documents, encoded: everything that one transaction stores.

Keys are not known here: rows speak of documents and windows by their place in the batch. The result depends on nothing
but the documents, the model and the SAEs, so that every engine gives the same.

Windows of one forward pass are of like length: packed where the model can (`ingest.models.packed`), else padded.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float

from ingest.encode.passes import FORWARD_TOKENS, packed_passes, pad_windows, passes_alike_in_length
from ingest.encode.stage_times import Stages
from ingest.encode.windows import Tokenization, Window
from ingest.models.hooked import HookedModel
from ingest.models.hooked_model import HookedGPT2, hooked_model
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from ingest.models.sae_activations import NOTHING, NotFiniteError, SparseActivations
from schema.errors import ModelError

Values = dict[str, Float[torch.Tensor, "token *d"]]
"""What hook points give at the tokens of windows, one window after the other."""


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
    first_token_id: int
    model: HookedModel
    saes: tuple[SAE, ...]
    device: str = "cpu"
    forward_tokens: int = FORWARD_TOKENS
    """Most tokens of a forward pass, padding too."""
    stages: Stages = field(default_factory=Stages, compare=False)

    @classmethod
    def of(cls, model: LanguageModel, saes: Sequence[SAE], device: str = "cpu") -> "BatchEncoder":
        """The encoder of SAEs that share a model and a way of cutting windows."""
        return cls(
            tokenization=Tokenization(model.tokenizer, saes[0].context_size, saes[0].prepend_bos),
            first_token_id=model.padding_token_id,
            model=hooked_model(model, [sae.hook_name for sae in saes], cut=True),
            saes=tuple(saes),
            device=device,
        )

    @property
    def hook_names(self) -> tuple[str, ...]:
        """Where each SAE reads."""
        return tuple(sae.hook_name for sae in self.saes)

    def encode(self, texts: Sequence[str], hashes: Sequence[str], wanted: Sequence[Sequence[bool]]) -> EncodedBatch:
        """Tokenize and encode; `wanted[s][d]` says whether SAE s is to encode document d."""
        with self.stages.timed("tokenize"):
            windows = self.tokenization.windows(texts, hashes)
        owner = [document for document, parts in enumerate(windows) for _ in parts]
        flat = [window for parts in windows for window in parts]
        masks = [np.asarray(mask, dtype=bool)[owner] for mask in wanted]  # SAE -> (window,)
        needed = [i for i in range(len(flat)) if any(mask[i] for mask in masks)]
        parts: list[list[pa.Table]] = [[] for _ in self.saes]
        for group, acts in self._passes(needed, flat):
            for s, sae in enumerate(self.saes):
                try:
                    with self.stages.timed("encode"):
                        parts[s].append(self._rows(sae, acts[sae.hook_name], group, flat, masks[s]))
                except NotFiniteError as error:
                    text = texts[owner[error.row]]
                    raise ModelError(f"{sae.hook_name}: {error}, in the document {text[:60]!r}") from error
        return EncodedBatch(windows, [pa.concat_tables(part) if part else _no_rows() for part in parts])

    @torch.inference_mode()
    def bos_activations(self) -> list[SparseActivations]:
        """Each SAE's activations on BOS at position 0, which depend on nothing else; none where BOS is not read."""
        if not self.tokenization.prepend_bos:
            return [NOTHING for _ in self.saes]
        run = self.model.run(torch.tensor([[self.first_token_id]], device=self.device), self.hook_names)
        return [sae.sparse_rows(run.values[sae.hook_name][:, 0].flatten(1)) for sae in self.saes]

    def _passes(self, needed: Sequence[int], windows: Sequence[Window]) -> Iterator[tuple[list[int], Values]]:
        """The places of windows that are run together, and what the SAEs read at their tokens, one after the other."""
        first, model = self.tokenization.first_position, self.model
        forward: Callable[[Sequence[Window]], Values]
        if isinstance(model, HookedGPT2):
            forward, groups = partial(self._packed, model), packed_passes(needed, windows, self.forward_tokens)
        else:
            forward, groups = self._padded, passes_alike_in_length(needed, windows, first, self.forward_tokens)
        for group in groups:
            with self.stages.timed("model"):
                values = forward([windows[i] for i in group])
            yield group, {name: value.flatten(1) for name, value in values.items()}

    @torch.inference_mode()
    def _packed(self, model: HookedGPT2, windows: Sequence[Window]) -> Values:
        begin = self.first_token_id if self.tokenization.first_position else None
        return model.run_packed([window.token_ids for window in windows], self.hook_names, begin).values

    @torch.inference_mode()
    def _padded(self, windows: Sequence[Window]) -> Values:
        padded = pad_windows(windows, self.tokenization.first_position, self.first_token_id, self.device)
        values = self.model.run(padded.tokens, self.hook_names).values
        return {name: value[padded.text] for name, value in values.items()}

    @torch.inference_mode()
    def _rows(
        self, sae: SAE, acts: torch.Tensor, group: Sequence[int], flat: Sequence[Window], mask: np.ndarray
    ) -> pa.Table:
        """Encode the windows of a group that are wanted; what is given is of their tokens alone."""
        first, places = self.tokenization.first_position, np.asarray(group, np.int32)
        sizes = np.array([len(flat[i]) for i in group])
        window, position = np.repeat(places, sizes), _positions(sizes, first)
        if not mask[places].all():
            chosen = np.flatnonzero(mask[window])
            acts, window, position = acts[torch.from_numpy(chosen)], window[chosen], position[chosen]
        if not len(window):
            return _no_rows()
        try:
            found = sae.sparse_rows(acts)
        except NotFiniteError as error:
            raise NotFiniteError(int(window[error.row]), error.feature) from error
        columns = [window[found.row], position[found.row], found.feature, found.activation]
        return pa.table(columns, names=["window", "position", "feature", "activation"])


def _positions(sizes: np.ndarray, first: int) -> np.ndarray:
    return np.concatenate([np.arange(first, first + size, dtype=np.int16) for size in sizes])


def _no_rows() -> pa.Table:
    types = [("window", pa.int32()), ("position", pa.int16()), ("feature", pa.int32()), ("activation", pa.float32())]
    return pa.table({name: pa.array([], type_) for name, type_ in types})
