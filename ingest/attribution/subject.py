"""What is explained: a loaded model and SAE, and the keys under which an atlas knows them."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int

from ingest.encode.windows import Tokenization
from ingest.models.gpt2 import GPT2, causal_attention, is_plain_gpt2
from ingest.models.language_model import LanguageModel
from ingest.models.matching import load_together
from ingest.models.sae import LoadedSAE
from ingest.rows.sae_keys import Keys, known_keys
from schema.errors import ModelError, SelectionError
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
    sae: LoadedSAE
    gpt2: GPT2
    tokenization: Tokenization

    @classmethod
    def of(cls, model: LanguageModel, sae: LoadedSAE) -> "Subject":
        """Raises ModelError where the model is no plain GPT-2."""
        if not is_plain_gpt2(model):
            raise ModelError(
                f"{model.name} is a {model.architecture}; attributions are computed for GPT-2 alone, other models "
                "can be ingested and contrasted"
            )
        tokenization = Tokenization(model.tokenizer, sae.context_size, sae.prepend_bos)
        return cls(model, sae, replace(GPT2.of(model.bridge), fused=True), tokenization)

    @property
    def bos(self) -> int | None:
        """The token before every window, if there is one."""
        return self.model.bos_token_id if self.sae.prepend_bos else None

    @property
    def threads(self) -> int:
        """How many may run it at the same time: as PyTorch has here, or one where something is not made for several."""
        alone = (
            self.gpt2.W_E.device.type != "cpu"
            or self.sae.module.cfg.normalize_activations != "none"  # SAELens keeps the scale from encode to decode
        )
        return 1 if alone else torch.get_num_threads()

    @torch.no_grad()
    def run(self, token_ids: Int[np.ndarray, " token"]) -> CleanRun:
        """Run a window, BOS first."""
        tokens = np.asarray(token_ids) if self.bos is None else np.concatenate([[self.bos], token_ids])
        found, wanted = {}, {self.sae.hook_name, self.gpt2.last_hook}
        resid = self.gpt2.embed(torch.as_tensor(tokens, device=self.gpt2.W_E.device)[None])
        for name, value in self.gpt2.sites(resid, causal_attention):
            if name in wanted:
                found[name] = value[0]
        return CleanRun(tokens, found[self.sae.hook_name], found[self.gpt2.last_hook])

    def target_id(self, text: str) -> int:
        """The token of a text such as ' pain'.

        Raises:
            SelectionError: it is not exactly one token.
        """
        ids = self.model.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        if len(ids) == 1:
            return int(ids[0])
        parts = ", ".join(repr(self.text_of(i)) for i in ids[:6]) or "none"
        raise SelectionError(
            f"'{text}' is not one token of {self.model.name} but {len(ids)} ({parts}); "
            "most words begin with a space: --target ' pain'"
        )

    def text_of(self, token_id: int) -> str:
        """The text of a token."""
        return str(self.model.tokenizer.backend_tokenizer.decode([token_id], skip_special_tokens=False))


def load_subject(sae_name: str, model_name: str | None, device: str) -> Subject:
    """Load an SAE and its model; raises ModelError where they cannot be had or the model is no plain GPT-2."""
    model, saes = load_together([sae_name], model_name, device)
    return Subject.of(model, saes[0])


def find_keys(atlas: Atlas, subject: Subject) -> Keys:
    """The subject's keys.

    Raises:
        SelectionError: the atlas does not hold this SAE over this model.
    """
    keys = known_keys(atlas, subject.model, subject.sae)
    if keys is None:
        raise SelectionError(
            f"{atlas.path} does not hold {subject.sae.name} over {subject.model.name}, as they are now; ingest with it "
            f"first: atlas ingest {atlas.path} SOURCE --sae {subject.sae.name}"
        )
    return keys


def corpus_mean(atlas: Atlas, sae: int, d_sae: int) -> Float[np.ndarray, " d_sae"]:
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
