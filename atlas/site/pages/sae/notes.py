"""What has to be known of an SAE before its figures are held against others', and how its logit weights came about."""

import json
import re
from collections.abc import Sequence

from atlas.publish.snapshot_facts import CACHE, CACHE_NOTE, IMPORTED_NOTE
from atlas.site.pages.rows import Row

MEANINGS = {
    "plain": "W_dec W_U as it is",
    "cosine": "W_dec W_U with columns of unit length",
    "W_O": "W_dec W_O W_U: through the block's attention output, W_U as it is",
    "W_out": "W_dec W_out W_U: through the output of the block's MLP, W_U as it is",
    "imported": "as its export shows them, if it does: the tokens at both ends, without moments",
    "none": "none: what it reads is written nowhere in the residual stream",
}
"""By mode."""
WAYS = {
    "plain": "the decoder direction times the unembedding",
    "cosine": "the decoder direction times the unembedding, its columns normalised",
    "W_O": "the decoder direction, through the block's W_O, times the unembedding",
    "W_out": "the decoder direction, through the block's W_out, times the unembedding",
    "imported": "what its export shows as one",
}
"""What a logit weight is, by mode."""


def why_sae_page_lacks_logit_weights(sae: Row) -> str:
    """Why the features of an SAE have no logit weights, and what gives them some."""
    if sae["logit_weights"] == "none":
        return (
            f"Its SAE reads {sae['hook_name']}, which is written nowhere in the residual stream: what firing does to "
            "the next token has no single number for each token."
        )
    if sae["logit_weights"] == "imported":
        return (
            "It was imported: of its logit weights the tokens at both ends are known, if its export shows them, and "
            "no moments."
        )
    return (
        f"An earlier version left {sae['logit_weights']} out of them, and they are taken out. The next atlas ingest, "
        f"evaluate or explain with --sae {sae['name']} computes them; publish again then."
    )


UNIT = 0.01
"""How far a decoder row's length may be from 1."""
NORMALIZED = re.compile(r"blocks\.\d+\.ln\w*\.hook_normalized")
LAYER_NORM = frozenset({"BloomForCausalLM", "GPT2LMHeadModel", "GPTJForCausalLM", "GPTNeoForCausalLM"}) | frozenset(
    {"GPTNeoXForCausalLM", "OPTForCausalLM", "PhiForCausalLM"}
)
"""Architectures whose norms have a mean taken off; their hook moved."""


def sae_notes(sae: Row, facts: Row, imported: Sequence[Row]) -> list[str]:
    """Sentences, one for each thing; `imported` is the row of an SAE that no model has run."""
    known = [CACHE_NOTE if each["format"] == CACHE else IMPORTED_NOTE for each in imported]
    return known + [
        note for note in (_logit_weights(sae, facts), _normalized(sae, facts), _decoder_norm(facts)) if note
    ]


def _logit_weights(sae: Row, facts: Row) -> str | None:
    return why_sae_page_lacks_logit_weights(sae) if facts["without_logit_weights"] else None


def _normalized(sae: Row, facts: Row) -> str | None:
    if not NORMALIZED.fullmatch(sae["hook_name"]) or facts["model_architecture"] not in LAYER_NORM:
        return None
    return (
        f"{sae['hook_name']} is read as TransformerLens 3 gives it, before the norm's gain and bias; TransformerLens 2 "
        "gave it after them. An SAE that was trained on the older reading sees other values here."
    )


def _decoder_norm(facts: Row) -> str | None:
    low, high = facts["decoder_norm_low"], facts["decoder_norm_high"]
    if low is None or (low > 1 - UNIT and high < 1 + UNIT):
        return None
    rescaled = json.loads(facts["config"] or "{}").get("rescale_acts_by_decoder_norm")
    said = (
        f"Its decoder rows are {low:.3g} to {high:.3g} long, and activations are those of its encoder"
        f"{', each times the length of its row, as its settings ask' if rescaled else ''}"
    )
    if rescaled:
        return said + "."
    return (
        f"{said}: where a tool folds the length into them (SAEDashboard, Neuronpedia), an activation there is the one "
        "here times the decoder norm of its feature."
    )
