"""Where the heads of a block look in one prompt, weight by weight."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from ingest.attribution.prompts import Prompt, prompt_of_text, prompt_windows
from ingest.circuits.tracer import Tracer
from ingest.models.hook_points import PATTERN, hook_at
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from ingest.models.spelling import token_text
from schema.errors import SelectionError
from schema.store import Atlas


@dataclass(frozen=True)
class HeadPatterns:
    """Shapes: weights (head, query, key); tokens and positions include BOS."""

    layer: int
    heads: tuple[int, ...]
    tokens: list[str]
    weights: Float[np.ndarray, "head query key"]


@torch.no_grad()
def head_patterns(
    atlas: Atlas,
    loaded: tuple[LanguageModel, Sequence[SAE]],
    named: tuple[str | None, str | None],
    layer: int,
    heads: Sequence[int],
) -> HeadPatterns:
    """The patterns of a document of that external id, or of a text; of all heads where none is named.

    Raises:
        SelectionError: there is no such document, block or head.
    """
    tracer = Tracer.of(atlas, *loaded)
    if layer >= tracer.hooked.n_layers:
        raise SelectionError(f"{tracer.model.name} has blocks 0 to {tracer.hooked.n_layers - 1}; there is no {layer}")
    chosen = tuple(heads) or tuple(range(tracer.n_heads))
    if max(chosen) >= tracer.n_heads:
        raise SelectionError(f"a block of {tracer.model.name} has heads 0 to {tracer.n_heads - 1}; not {max(chosen)}")
    prompt = _prompt(atlas, tracer, *named)
    tokens = tracer.tokens(prompt)
    name = hook_at(layer, PATTERN)
    weights = tracer.hooked.run(tokens[None], [name]).values[name][0, list(chosen)]
    return HeadPatterns(layer, chosen, [token_text(tracer.model, int(i)) for i in tokens], weights.cpu().numpy())


def _prompt(atlas: Atlas, tracer: Tracer, document: str | None, text: str | None) -> Prompt:
    if text is not None:
        return prompt_of_text(text, tracer.tokenization)
    rows = atlas.rows("SELECT document FROM document WHERE external_id = ? ORDER BY document LIMIT 1", [document])
    windows = prompt_windows(atlas, [rows[0][0]], tracer.keys[0].tokenization) if rows else []
    if not windows:
        raise SelectionError(f"{atlas.path} has no document '{document}' that this SAE has read; look: atlas query")
    return windows[0]
