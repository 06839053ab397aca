"""The fast prefix of a GPT-2 gives what TransformerLens gives, at every hook."""

import pytest
import torch

from ingest.models.gpt2 import SITES
from ingest.models.language_model import LanguageModel, Processing, load_language_model
from ingest.models.residual import GPT2Prefix, forward_to_hooks
from ingest.models.sae import LoadedSAE
from schema import ModelError

TOKENS = torch.tensor([[0, 17, 300, 4000, 8191, 5, 5], [0, 1, 2, 3, 2, 1, 0]])


PROCESSING = {
    "centred": Processing(center_writing_weights=True),
    "folded": Processing(center_writing_weights=True, fold_ln=True, center_unembed=True),
}


@pytest.fixture(scope="module", params=["as_is", *PROCESSING])
def model(request: pytest.FixtureRequest, pocket: tuple[LanguageModel, list[LoadedSAE]]) -> LanguageModel:
    if request.param == "as_is":
        return pocket[0]
    return load_language_model("pocket", PROCESSING[request.param])


def test_every_site_of_every_block_equals_transformer_lens(model: LanguageModel) -> None:
    names = [f"blocks.{layer}.{site}" for layer in range(model.config.n_layers) for site in SITES]
    forward = forward_to_hooks(model, names)
    assert isinstance(forward, GPT2Prefix)
    with torch.inference_mode():
        ours = forward(TOKENS)
        _, theirs = model.bridge.run_with_cache(TOKENS, names_filter=names)
    assert set(ours) == set(names)
    for name in names:
        torch.testing.assert_close(ours[name], theirs[name].flatten(2), rtol=1e-4, atol=5e-5)


def test_one_hook_gives_what_all_give(model: LanguageModel) -> None:
    names = [f"blocks.{layer}.hook_resid_pre" for layer in range(6)]
    with torch.inference_mode():
        together = forward_to_hooks(model, names)(TOKENS)
        for name in names:
            alone = forward_to_hooks(model, [name])(TOKENS)
            assert list(alone) == [name]
            assert torch.equal(alone[name], together[name])


def test_padding_on_the_right_is_never_seen(model: LanguageModel) -> None:
    name = "blocks.5.hook_resid_post"
    forward = forward_to_hooks(model, [name])
    padded = torch.cat([TOKENS, torch.full((2, 30), 7)], dim=1)
    with torch.inference_mode():
        alone = forward(TOKENS)[name]
        shown = forward(padded)[name][:, : TOKENS.shape[1]]
    torch.testing.assert_close(shown, alone, rtol=1e-5, atol=1e-6 * float(alone.abs().max()))


def test_other_sites_run_through_the_bridge(model: LanguageModel) -> None:
    names = ["blocks.1.attn.hook_q", "blocks.2.mlp.hook_post", "blocks.2.hook_resid_pre"]
    forward = forward_to_hooks(model, names)
    assert not isinstance(forward, GPT2Prefix)
    with torch.inference_mode():
        found = forward(TOKENS)
        plain = forward_to_hooks(model, names[2:])(TOKENS)
    assert {name: acts.shape for name, acts in found.items()} == {
        "blocks.1.attn.hook_q": (2, 7, 256),
        "blocks.2.mlp.hook_post": (2, 7, 1024),
        "blocks.2.hook_resid_pre": (2, 7, 256),
    }
    torch.testing.assert_close(found[names[2]], plain[names[2]], rtol=1e-4, atol=1e-4)


def test_a_hook_that_the_model_does_not_have_is_refused(model: LanguageModel) -> None:
    with pytest.raises(ModelError, match=r"no hook blocks\.1\.hook_nonsense"):
        forward_to_hooks(model, ["blocks.1.hook_nonsense"])(TOKENS)
