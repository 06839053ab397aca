"""What circuits are traced in: a model with hook points, its SAEs, and the keys under which an atlas knows them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from jaxtyping import Int

from ingest.attribution.prompts import Prompt
from ingest.encode.windows import Tokenization
from ingest.models.hooked import HookedModel
from ingest.models.hooked_model import hooked_model
from ingest.models.identity import canonical_settings, model_config, sae_config
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from ingest.rows.sae_keys import Keys, required_sae_keys
from schema.naming import check_feature_indices
from schema.store import Atlas

LEAST_SHARE = 1e-3
"""Of a feature's largest activation: what is less apart is not told apart."""


@dataclass(frozen=True)
class Tracer:
    """A model and SAEs over it; the first SAE is the one whose feature is asked about."""

    model: LanguageModel
    saes: Sequence[SAE]
    hooked: HookedModel
    tokenization: Tokenization
    keys: Sequence[Keys]

    @classmethod
    def of(cls, atlas: Atlas, model: LanguageModel, saes: Sequence[SAE]) -> "Tracer":
        """A tracer of what an atlas holds.

        Raises:
            SelectionError: the atlas does not hold an SAE over this model.
        """
        tokenization = Tokenization(model.tokenizer, saes[0].context_size, saes[0].prepend_bos)
        return cls(
            model, saes, hooked_model(model), tokenization, [required_sae_keys(atlas, model, sae) for sae in saes]
        )

    @property
    def sae(self) -> SAE:
        """The SAE whose feature is asked about."""
        return self.saes[0]

    @property
    def n_heads(self) -> int:
        """Heads of a block."""
        return int(self.model.config.n_heads)

    @property
    def parallel(self) -> bool:
        """Whether attention and MLP of a block read the same stream, beside each other."""
        return bool(getattr(self.model.config, "parallel_attn_mlp", False))

    @property
    def identity(self) -> list[object]:
        """All of the model and the SAEs that figures depend on."""
        model = self.model
        saes = [[sae.weights_sha256, canonical_settings(sae_config(sae, model))] for sae in self.saes]
        return [model.weights_sha256, asdict(model.processing), canonical_settings(model_config(model)), *saes]

    def tokens(self, prompt: Prompt) -> Int[torch.Tensor, " position"]:
        """A prompt's tokens, BOS first."""
        bos = [self.model.bos_token_id] if self.tokenization.prepend_bos else []
        tokens = np.concatenate([np.asarray(bos, dtype=np.int64), prompt.token_ids])
        return torch.as_tensor(tokens, device=self.model.W_U.device, dtype=torch.long)

    @torch.no_grad()
    def strongest(self, feature: int, prompt: Prompt, start: int = 0) -> int | None:
        """The position from `start` on where a feature of the first SAE is strongest, never BOS; None: silent."""
        run = self.hooked.run(self.tokens(prompt)[None], [self.sae.hook_name])
        acts = self.sae.encode_features(run.values[self.sae.hook_name][0], [feature])[:, 0]
        acts[: max(start, self.tokenization.first_position)] = 0
        return int(acts.argmax()) if float(acts.max()) > 0 else None

    @torch.no_grad()
    def activation(self, feature: int, prompt: Prompt, position: int) -> float:
        """Of a feature of the first SAE at a position, BOS being 0."""
        run = self.hooked.run(self.tokens(prompt)[None], [self.sae.hook_name])
        return float(self.sae.encode_features(run.values[self.sae.hook_name][0, position], [feature])[0])

    def check_feature(self, feature: int) -> None:
        """Raises SelectionError where the SAE has no such feature."""
        check_feature_indices([feature], str(self.sae.name), self.sae.d_sae)


def largest_activation(atlas: Atlas, sae: int, feature: int) -> float:
    """Of a feature over all that its SAE has read; 1 where it has never fired."""
    rows = atlas.rows("SELECT MAX(max_activation) FROM feature_corpus WHERE sae = ? AND feature = ?", [sae, feature])
    return float(rows[0][0] or 1)
