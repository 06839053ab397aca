"""The hooked model of a language model: plain functions where they compute it, TransformerLens' bridge elsewhere.

Of GPT-2 as plain functions only what is asked for is run, and a run is taken up at its own block.

The bridge has no way in at a block: a run that is taken up there starts with stand-in tokens, and the stream is put in
its place. It has no point between attention and MLP where the whole stream passes: what is patched there is added to
the block's output too.
"""

from collections.abc import Iterable, Sequence
from typing import Any, get_args

import torch

from ingest.models.block_arithmetic import Attend, Heads, block_attention_pattern, causal_attention, read_heads
from ingest.models.gpt2 import GPT2, HOOK_POINTS, Patched, departure_from_gpt2, is_plain_gpt2
from ingest.models.hook_points import (
    PATTERN,
    RESID_MID,
    RESID_POST,
    RESID_PRE,
    hook_at,
    hook_kind,
    hook_layer,
    layers_of_hook_points,
)
from ingest.models.hooked import Asked, HookedModel, Run, Start
from ingest.models.language_model import LanguageModel
from ingest.models.names import Precision
from ingest.models.packed import TokenIds, packed_values
from ingest.models.patch import Patch
from schema.errors import ModelError

KINDS = frozenset((*HOOK_POINTS, PATTERN))
"""Hook points that these functions have."""


class HookedGPT2(HookedModel):
    """A GPT-2, or its first blocks."""

    def __init__(self, gpt2: GPT2) -> None:
        self.gpt2 = gpt2
        self.n_layers, self.n_ctx, self.end_of_text = len(gpt2.blocks), len(gpt2.W_pos), gpt2.end_of_text

    def forward(self, start: Start, asked: Asked) -> tuple[dict[str, torch.Tensor], torch.Tensor | None]:
        """The values asked for, and the residual stream after the last block where logits are."""
        self._check(start, asked)
        found: dict[str, torch.Tensor] = {}

        def patched(name: str, value: torch.Tensor) -> torch.Tensor:
            value = asked.patched(name, value, start.position)
            if name in asked.hook_names:
                found[name] = value
            return value

        resid = self._embedded(start) if start.resid is None else start.resid
        final = resid
        for _, value in self.gpt2.hook_points(resid, _attend(start, asked, patched), start.block, patched):
            final = value  # the last of them is the stream after the last block
            if not asked.logits and len(found) == len(asked.hook_names):
                return found, None
        return found, final if asked.logits else None

    def run_packed(self, texts: Sequence[TokenIds], hook_names: Iterable[str], begin: int | None) -> Run:
        """Run texts of any lengths, each after the token that begins it; values are of their tokens alone, in a row.

        Raises:
            ModelError: the model has no such hook point, or no room for the tokens.
        """
        names = frozenset(hook_names)
        self._check_room(max(map(len, texts)) + int(begin is not None))
        self._check(Start(), Asked(names, (), logits=False))
        return Run(packed_values(self.gpt2, texts, names, begin))

    def unembed(self, outputs: torch.Tensor) -> torch.Tensor:
        """Logits from the residual stream after the last block."""
        return self.gpt2.logits(outputs)

    def _embedded(self, start: Start) -> torch.Tensor:
        assert start.tokens is not None
        return self.gpt2.embed(start.tokens, start.position)

    def _check(self, start: Start, asked: Asked) -> None:
        for name in sorted(asked.hook_names | asked.patched_names):
            if hook_kind(name) not in KINDS or not start.block <= hook_layer(name) < self.n_layers:
                where = f" from block {start.block} on" if start.block else ""
                raise ModelError(f"the model has no hook {name}{where}")


def _attend(start: Start, asked: Asked, patched: Patched) -> Attend:
    """Fast attention, but in blocks whose pattern is read or patched."""
    patterned = layers_of_hook_points(asked.hook_names | asked.patched_names, PATTERN)

    def attend(layer: int, q: Heads, k: Heads, v: Heads) -> Heads:
        if start.cache is not None:
            k, v = start.cache.extended(layer, k, v)
        if layer not in patterned:
            return causal_attention(layer, q, k, v)
        return read_heads(patched(hook_at(layer, PATTERN), block_attention_pattern(q, k)), v)

    return attend


class _Enough(Exception):  # noqa: N818 (no error: everything asked for is found)
    """Ends a run of Hugging Face's model."""


class HookedBridge(HookedModel):
    """A model as TransformerLens wraps it."""

    def __init__(self, model: LanguageModel) -> None:
        self.bridge, self.name = model.bridge, model.name
        self.n_layers, self.n_ctx = int(model.config.n_layers), int(model.config.n_ctx)
        self.end_of_text = model.end_of_text

    def forward(self, start: Start, asked: Asked) -> tuple[dict[str, torch.Tensor], torch.Tensor | None]:
        """The values asked for, and logits."""
        tokens, asked = self._from_tokens(start, asked)
        run = _BridgeRun(asked, start.position)
        names = self._checked(asked)
        hooks = [(name, run.hook(name)) for name in sorted(names)]
        options: dict[str, Any] = {"return_type": "logits"}
        if start.cache is not None:
            total = start.position + tokens.shape[1]
            options = {"return_type": "logits_and_cache", "use_cache": True}
            options["past_key_values"] = start.cache.hugging_face
            options["attention_mask"] = torch.ones(len(tokens), total, dtype=torch.long, device=tokens.device)
        try:
            output = self.bridge.run_with_hooks(tokens, fwd_hooks=hooks, **options)
        except _Enough:
            return run.found, None
        except ValueError as error:
            if not str(error).startswith("Cannot add hook"):
                raise
            named = str(error).split()[3].rpartition(".")[2]  # by its own name, which need not be the one asked for
            off = [name for name in sorted(names) if name.endswith(f".{named}")] or sorted(names)
            raise self._unread(off[0], "is switched off in TransformerLens") from error
        for name in sorted(asked.hook_names - set(run.found)):
            raise self._unread(name, "is listed by TransformerLens, but never run")
        if start.cache is not None:
            output, start.cache.hugging_face = output
        return run.found, output

    def unembed(self, outputs: torch.Tensor) -> torch.Tensor:
        """Logits as they are: Hugging Face's model makes them itself."""
        return outputs

    def _from_tokens(self, start: Start, asked: Asked) -> tuple[torch.Tensor, Asked]:
        if start.resid is None:
            assert start.tokens is not None
            return start.tokens, asked
        last = start.block == self.n_layers
        name = hook_at(start.block - last, RESID_POST if last else RESID_PRE)
        entry = Patch.replace(name, start.resid)
        stand_in = torch.zeros(start.resid.shape[:2], dtype=torch.long, device=start.resid.device)
        tokens = stand_in if start.tokens is None else start.tokens
        return tokens, Asked(asked.hook_names, (entry, *asked.patches), asked.logits)

    def _unread(self, hook_name: str, why: str) -> ModelError:
        return ModelError(
            f"{hook_name} of {self.name} cannot be read: it {why}; an atlas reads the residual stream, what attention "
            "and MLP add to it, and the other points that a run of the model passes"
        )

    def _checked(self, asked: Asked) -> set[str]:
        names = set(asked.hook_names | asked.patched_names)
        missing = sorted(name for name in names if name not in self.bridge.hook_dict)
        if missing:
            raise ModelError(f"{self.name} has no hook {', '.join(missing)}; the SAE was made for another model")
        return names | {hook_at(hook_layer(name), RESID_POST) for name in names if hook_kind(name) == RESID_MID}


class _BridgeRun:
    """One pass: values as they come by."""

    def __init__(self, asked: Asked, first: int) -> None:
        self.asked, self.first = asked, first
        self.found: dict[str, torch.Tensor] = {}
        self.owed: dict[int, torch.Tensor] = {}

    def hook(self, name: str) -> Any:
        """The function that TransformerLens calls with the value."""
        layer, kind = hook_layer(name), hook_kind(name)

        def _call(value: torch.Tensor, hook: Any) -> torch.Tensor:
            if kind == RESID_POST and layer in self.owed:
                value = value + self.owed.pop(layer)
            patched = self.asked.patched(name, value, self.first)
            if kind == RESID_MID and patched is not value:
                self.owed[layer] = patched - value
            if name in self.asked.hook_names:
                self.found[name] = patched
                if not self.asked.logits and len(self.found) == len(self.asked.hook_names):
                    raise _Enough
            return patched

        return _call


def hooked_model(model: LanguageModel, hook_names: Iterable[str] = (), *, cut: bool = False) -> HookedModel:
    """The model, so that it has these hook points; `cut` to the blocks that they need, with no weights of others.

    Raises:
        ModelError: it cannot be run to them in its precision.
    """
    names = frozenset(hook_names)
    check_precision(model, names)
    if not _has_functions(model, names):
        return HookedBridge(model)
    if cut:
        return HookedGPT2(GPT2.of_model(model, max(map(hook_layer, names)) + 1).by_columns())
    return HookedGPT2(GPT2.of_model(model))


def check_precision(model: LanguageModel, hook_names: Iterable[str]) -> None:
    """Raises ModelError where there is no such precision, or a model cannot be run to these hook points in it."""
    if model.precision not in get_args(Precision):
        raise ModelError(f"there is no precision {model.precision!r}; it is {' or '.join(get_args(Precision))}")
    if model.precision != "float32" and not _has_functions(model, hook_names):
        reason = departure_from_gpt2(model) or f"read at {', '.join(sorted(hook_names))}"
        raise ModelError(
            f"{model.name} is {reason}; --precision {model.precision} is for GPT-2's residual stream, "
            "attention and MLP outputs; leave it out"
        )


def _has_functions(model: LanguageModel, hook_names: Iterable[str]) -> bool:
    return is_plain_gpt2(model) and {hook_kind(name) for name in hook_names} <= KINDS
