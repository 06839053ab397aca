"""What makes an SAE or a model what it is, beside its weights: the settings that change what it computes.

A setting that is as its class has it by default is left out, so that a later version of a library, which knows
more settings, does not make another SAE of the same one.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE

Config = dict[str, Any]

TOLD_APART_ELSEWHERE = frozenset({"d_in", "d_sae", "dtype", "device", "metadata"})
"""Settings of an SAE that its weights tell, or that change no value."""
ALWAYS_SAID = frozenset({"architecture", "apply_b_dec_to_input", "normalize_activations", "k"})

WITHOUT_EFFECT = frozenset(
    {
        "_commit_hash",
        "_name_or_path",
        "architectures",
        "chunk_size_feed_forward",
        "dtype",
        "finetuning_task",
        "gradient_checkpointing",
        "id2label",
        "initializer_range",
        "label2id",
        "num_labels",
        "output_attentions",
        "output_hidden_states",
        "output_scores",
        "prefix",
        "problem_type",
        "return_dict",
        "task_specific_params",
        "tokenizer_class",
        "torch_dtype",
        "torchscript",
        "transformers_version",
        "use_cache",
    }
)
"""Settings of a model that change no activation."""
ALIKE = re.compile(r"(summary_|attn_implementation).*|.*(_token_id|pdrop|dropout|dropout_prob)")


def sae_config(sae: SAE, model: LanguageModel) -> Config:
    """How an SAE reads its model: where, with which settings, and what begins a window."""
    settings = sae.module.cfg.to_dict()
    defaults = type(sae.module.cfg).__dataclass_fields__
    found = {
        name: value
        for name, value in settings.items()
        if name not in TOLD_APART_ELSEWHERE
        and (name in ALWAYS_SAID or name not in defaults or value != defaults[name].default)
    }
    found["hook_name"] = sae.hook_name
    if sae.prepend_bos:
        found["bos_token_id"] = model.bos_token_id
    return found


def model_config(model: LanguageModel) -> Config:
    """What a model's config.json says that changes its activations, and the precision it runs in where not float32."""
    config = model.bridge.original_model.config
    settings, defaults = config.to_dict(), _defaults(type(config))
    found = {
        name: value
        for name, value in settings.items()
        if name not in WITHOUT_EFFECT and not ALIKE.fullmatch(name) and value != defaults.get(name)
    }
    return found if model.precision == "float32" else found | {"precision": model.precision}


def canonical_settings(config: Mapping[str, Any]) -> str:
    """The settings as text, the same for the same settings."""
    return json.dumps(config, sort_keys=True, separators=(", ", ": "), default=str)


def sha256_of_parts(*parts: object) -> str:
    """SHA-256, hexadecimal, of parts in their order."""
    return hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()


def _defaults(config: type[Any]) -> Mapping[str, Any]:
    try:
        return config().to_dict()  # type: ignore[no-any-return]
    except (TypeError, ValueError):  # one that is nothing without its parts
        return {}
