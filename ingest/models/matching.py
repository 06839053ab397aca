"""A model and the SAEs that read it, loaded together and checked against each other."""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch

from ingest.models.garbage import unsearched
from ingest.models.hooked_model import HookedBridge, check_precision
from ingest.models.language_model import LanguageModel, Processing, load_language_model
from ingest.models.names import Precision, is_of_another_block, parse_sae_name
from ingest.models.sae import SAE
from ingest.models.sae_files import load_sae
from ingest.models.screen import multiplies_bfloat16
from schema.errors import ModelError

log = logging.getLogger(__name__)


@unsearched()
def load_together(
    sae_names: Sequence[str], model_name: str | None = None, device: str = "cpu", precision: Precision = "float32"
) -> tuple[LanguageModel, list[SAE]]:
    """Load SAEs and the one model they read, to be run in that precision; `model_name` overrides what the SAEs name.

    An SAE that is named twice, in whatever spelling, is loaded once.

    Raises:
        ModelError: they do not share a model, its processing and the windows, do not fit it, or one is not what it is
            called.
    """
    saes = _each_once(load_sae(name, device) for name in _spelled_once(sae_names))
    for sae in saes:
        _check_name(sae)
    check_saes_alike(saes)
    name = model_name or saes[0].model_name
    if not name:
        raise ModelError(f"{saes[0].name} does not say which model it reads; name it: --model FOLDER")
    model = load_language_model(name, Processing.from_options(saes[0].model_options), device)
    model = replace(model, precision=precision)
    if precision == "bfloat16" and torch.device(device).type == "cpu" and not multiplies_bfloat16():
        log.warning("this processor has no instructions for bfloat16, and is faster without --precision bfloat16")
    return model, fit_saes_to_model(model, saes)


def fit_saes_to_model(model: LanguageModel, saes: Sequence[SAE]) -> list[SAE]:
    """SAEs that have been held against the model they are to read, and against each other.

    Raises:
        ModelError: an SAE does not fit the model or its processing, or they do not share windows; names both sides.
    """
    check_saes_alike(saes)
    found = [_with_room(sae, model) for sae in saes]
    for sae in found:
        _check_fit(sae, model)
    check_precision(model, [sae.hook_name for sae in found])
    return found


def _spelled_once(names: Sequence[str]) -> list[str]:
    """The first spelling of each SAE, or the one with a hash."""
    found: dict[object, str] = {}
    for name in names:
        parsed = parse_sae_name(name)
        key = replace(parsed, pin="")
        if key not in found or (parsed.pin and not parse_sae_name(found[key]).pin):
            found[key] = name
    return list(found.values())


def _each_once(saes: Iterable[SAE]) -> list[SAE]:
    """SAEs without those that are another one under the same name: copies in two folders, or folders by two paths."""
    found: dict[object, SAE] = {}
    for sae in saes:
        settings = json.dumps(sae.module.cfg.to_dict(), sort_keys=True, default=str)
        found.setdefault((str(sae.name), sae.weights_sha256, settings), sae)
    return list(found.values())


def check_saes_alike(saes: Sequence[SAE]) -> None:
    """One forward pass feeds all SAEs, so they must agree on it.

    Raises:
        ModelError: they do not; names two of them.
    """
    first = saes[0]
    for sae in saes[1:]:
        for what in ("model_name", "model_options", "context_size", "prepend_bos"):
            ours, theirs = getattr(first, what), getattr(sae, what)
            if ours != theirs:
                raise ModelError(
                    f"{first.name} and {sae.name} cannot share a pass: their {what} is {ours} and {theirs}; "
                    "ingest them one after the other"
                )


def _check_name(sae: SAE) -> None:
    if is_of_another_block(sae.name.sae_id, sae.hook_name):
        raise ModelError(
            f"{sae.name} reads {sae.hook_name}: another SAE lies under its name, or its cfg.json is another's; get its "
            f"files again, or rename the folder; atlas doctor {sae.name.folder or sae.name} tells more"
        )


def _with_room(sae: SAE, model: LanguageModel) -> SAE:
    """The SAE; its windows as long as the model's positions where its files do not say how long they are."""
    if sae.module.cfg.metadata.context_size or sae.context_size <= model.config.n_ctx:
        return sae
    return replace(sae, context_size=int(model.config.n_ctx))


def _check_fit(sae: SAE, model: LanguageModel) -> None:
    config = model.config
    asked = Processing.from_options(sae.model_options)
    if asked != model.processing:
        raise ModelError(
            f"{sae.name} was trained on a model with {asked}, but {model.name} is loaded with {model.processing}; "
            "its activations would be others; say processing=Processing.from_options(sae.model_options)"
        )
    if sae.hook_layer >= config.n_layers:
        raise ModelError(f"{sae.name} reads {sae.hook_name}, but {model.name} has {config.n_layers} blocks")
    if sae.context_size > config.n_ctx:
        raise ModelError(
            f"{sae.name} reads windows of {sae.context_size}, but {model.name} has {config.n_ctx} positions"
        )
    if sae.prepend_bos and model.tokenizer.bos_token_id is None:
        raise ModelError(
            f"windows of {sae.name} begin with a BOS token (prepend_bos), but the tokenizer of {model.name} has no "
            "BOS token; give the tokenizer its bos_token, or an SAE that was trained without"
        )
    _check_vocabulary(model)
    _check_width(sae, model)


def _check_vocabulary(model: LanguageModel) -> None:
    """Every token that a text may become is embedded; tokens added for other uses, such as images, need not be."""
    added, d_vocab = model.tokenizer.get_added_vocab(), int(model.config.d_vocab)
    of_text = (number for token, number in model.tokenizer.get_vocab().items() if token not in added)
    last = max(*of_text, model.padding_token_id, model.end_of_text)
    if last >= d_vocab:
        raise ModelError(
            f"the tokenizer of {model.name} has tokens up to {last}, but the model embeds {d_vocab}: they are not of "
            "one model; give the folder that both were saved to"
        )


@torch.no_grad()
def _check_width(sae: SAE, model: LanguageModel) -> None:
    """Run two tokens to the hook point, and look at what stands there."""
    token = model.padding_token_id
    tokens = torch.tensor([[token, token]], device=sae.W_dec.device)
    value = HookedBridge(model).run(tokens, [sae.hook_name]).values[sae.hook_name]
    shape = tuple(value.shape[2:])
    if tuple(value.shape[:2]) != (1, 2) or not shape:
        raise ModelError(f"{sae.name} reads {sae.hook_name}, which has no vector for each token of {model.name}")
    if sae.d_in != value[0, 0].numel():
        width = f"d_model {shape[0]}" if shape == (model.config.d_model,) else f"{_spelled(shape)} at {sae.hook_name}"
        raise ModelError(f"{sae.name} reads vectors of {sae.d_in}, but {model.name} has {width}")


def _spelled(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
