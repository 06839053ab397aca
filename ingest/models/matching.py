"""A model and the SAEs that read it, loaded together and checked against each other."""

from collections.abc import Sequence

from ingest.models.language_model import LanguageModel, Processing, load_language_model
from ingest.models.sae import LoadedSAE, load_sae
from schema.errors import ModelError


def load_together(
    sae_names: Sequence[str], model_name: str | None = None, device: str = "cpu"
) -> tuple[LanguageModel, list[LoadedSAE]]:
    """Load SAEs and the one model they read; `model_name` overrides the model that the SAEs name.

    Raises:
        ModelError: they do not share a model, its processing and the windows, or do not fit it.
    """
    saes = [load_sae(name, device) for name in dict.fromkeys(sae_names)]
    _check_alike(saes)
    name = model_name or saes[0].model_name
    if not name:
        raise ModelError(f"{saes[0].name} does not say which model it reads; name it: --model FOLDER")
    model = load_language_model(name, Processing.from_options(saes[0].model_options), device)
    for sae in saes:
        _check_fit(sae, model)
    return model, saes


def _check_alike(saes: Sequence[LoadedSAE]) -> None:
    """One forward pass feeds all SAEs, so they must agree on it."""
    first = saes[0]
    for sae in saes[1:]:
        for what in ("model_name", "model_options", "context_size", "prepend_bos"):
            ours, theirs = getattr(first, what), getattr(sae, what)
            if ours != theirs:
                raise ModelError(
                    f"{first.name} and {sae.name} cannot share a pass: their {what} is {ours} and {theirs}; "
                    "ingest them one after the other"
                )


def _check_fit(sae: LoadedSAE, model: LanguageModel) -> None:
    config = model.config
    if sae.hook_layer >= config.n_layers:
        raise ModelError(f"{sae.name} reads {sae.hook_name}, but {model.name} has {config.n_layers} blocks")
    if sae.d_in != config.d_model:
        raise ModelError(f"{sae.name} reads vectors of {sae.d_in}, but {model.name} has d_model {config.d_model}")
    if sae.context_size > config.n_ctx:
        raise ModelError(
            f"{sae.name} reads windows of {sae.context_size}, but {model.name} has {config.n_ctx} positions"
        )
