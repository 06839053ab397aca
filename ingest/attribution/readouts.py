"""What a game measures: functions from the activations at a hook to one number or several."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float

from ingest.models.gpt2 import GPT2
from ingest.models.sae import SAE

Output = Literal["logit", "log_probability"]

LOGIT_ROWS = 256
"""Rows unembedded at a time where all logits are needed: a vocabulary is wide."""


@dataclass(frozen=True)
class Readout:
    """A measure at a hook; over a window it is that of the last position, or the largest but for BOS."""

    hook_name: str
    measure: Callable[[Float[torch.Tensor, "*rows d_in"]], Float[torch.Tensor, "*rows output"]]
    largest: bool = False


def token_readout(gpt2: GPT2, token_ids: Sequence[int], output: Output) -> Readout:
    """Logit (units: as the model gives them) or log-probability (nats) of tokens to come next."""
    chosen = torch.as_tensor(token_ids, device=gpt2.W_U.device)

    def logit(resid: torch.Tensor) -> torch.Tensor:
        return gpt2.final_norm(resid) @ gpt2.W_U[:, chosen] + gpt2.b_U[chosen]

    def log_probability(resid: torch.Tensor) -> torch.Tensor:
        rows = torch.split(resid.reshape(-1, resid.shape[-1]), LOGIT_ROWS)
        total = torch.cat([gpt2.logits(part).logsumexp(-1, keepdim=True) for part in rows])
        return logit(resid) - total.view(*resid.shape[:-1], 1)

    return Readout(gpt2.last_hook, logit if output == "logit" else log_probability)


def feature_readout(sae: SAE, features: Sequence[int], *, largest: bool) -> Readout:
    """Activations of features of an SAE; only their own columns are computed where that is possible."""
    return Readout(sae.hook_name, sae.feature_encoder(features), largest)
