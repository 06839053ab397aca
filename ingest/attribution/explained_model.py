"""What is explained: a loaded model and SAE, and the keys under which an atlas knows them."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int

from ingest.encode.windows import Tokenization
from ingest.models.gpt2 import GPT2, departure_from_gpt2
from ingest.models.hooked_model import HookedGPT2
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from ingest.models.spelling import token_id, token_text
from ingest.rows.sae_keys import Keys, required_sae_keys
from schema.errors import ModelError
from schema.store import Atlas


@dataclass(frozen=True)
class CleanRun:
    """A prompt as the model runs it, BOS included.

    Shapes: tokens (position,); at_hook, final (position, d_model), what the SAE reads and what the unembedding does.
    """

    tokens: Int[np.ndarray, " position"]
    at_hook: Float[torch.Tensor, "position d_in"]
    final: Float[torch.Tensor, "position d_model"]


@dataclass(frozen=True)
class Subject:
    """A GPT-2 as functions, with an SAE that reads it."""

    model: LanguageModel
    sae: SAE
    gpt2: GPT2
    tokenization: Tokenization

    @classmethod
    def of(cls, model: LanguageModel, sae: SAE) -> "Subject":
        """Raises ModelError where the model is no plain GPT-2."""
        if (other := departure_from_gpt2(model)) is not None:
            raise ModelError(
                f"{model.name} is {other}; attributions are computed for GPT-2 alone, other models can be ingested and "
                "contrasted"
            )
        tokenization = Tokenization(model.tokenizer, sae.context_size, sae.prepend_bos)
        return cls(model, sae, replace(GPT2.of_model(model), fused=True), tokenization)

    @property
    def bos(self) -> int | None:
        """The token before every window, if there is one."""
        return self.model.bos_token_id if self.sae.prepend_bos else None

    @property
    def threads(self) -> int:
        """How many may run it at the same time: as PyTorch has here, or one where something is not made for several."""
        return torch.get_num_threads() if self.gpt2.W_E.device.type == "cpu" else 1

    @torch.no_grad()
    def run(self, token_ids: Int[np.ndarray, " token"]) -> CleanRun:
        """Run a window, BOS first."""
        tokens = np.asarray(token_ids) if self.bos is None else np.concatenate([[self.bos], token_ids])
        at_hook, final = self.sae.hook_name, self.gpt2.last_hook
        run = HookedGPT2(self.gpt2).run(torch.as_tensor(tokens, device=self.gpt2.W_E.device)[None], (at_hook, final))
        return CleanRun(tokens, run.values[at_hook][0], run.values[final][0])

    def target_id(self, text: str) -> int:
        """The token of a text such as ' pain'.

        Raises:
            SelectionError: it is not exactly one token.
        """
        return token_id(self.model, text)

    def text_of(self, token_id: int) -> str:
        """The text of a token."""
        return token_text(self.model, token_id)


def explained_keys(atlas: Atlas, subject: Subject) -> Keys:
    """The subject's keys.

    Raises:
        SelectionError: the atlas does not hold this SAE over this model.
    """
    return required_sae_keys(atlas, subject.model, subject.sae)


def explained_baseline_mean(atlas: Atlas, sae: int, d_sae: int) -> Float[np.ndarray, " d_sae"]:
    """Each feature's mean activation over all that the SAE has read, BOS left out."""
    rows = atlas.arrow(
        """
        SELECT feature, SUM(active_tokens * mean_active) / (SELECT SUM(tokens) FROM sae_corpus WHERE sae = $sae) AS mean
        FROM feature_corpus
        WHERE sae = $sae
        GROUP BY feature
        """,
        {"sae": sae},
    )
    mean = np.zeros(d_sae, np.float32)
    mean[rows["feature"].to_numpy()] = rows["mean"].to_numpy()
    return mean
