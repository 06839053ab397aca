"""A release that stands in for a published one: a tiny GPT-2, an SAE of each block, and values of both by other means.

Values are computed by Hugging Face's own model and SAELens' own encoder, in float64, with no code of the package.
"""

import gzip
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sae_lens import SAE
from transformers import AutoTokenizer, GPT2LMHeadModel

from tests.made.architectures import D_MODEL, N_LAYERS, save_model
from tests.made.study_method import study_list, study_lists
from tests.made.study_notebook import CONTROL, POSITIVE, PROMPTS
from tests.made.tiny_models import save_sae, tiny_sae

D_SAE = 40
PROMPT = "The heart and two lungs, and a fever."
PLACED = (5, 17, 300)
"""Token ids whose activations at the entry of the model are told."""
VECTOR = {"constant": 0.5}
LISTS = {"prompts_health": PROMPTS, "prompts_med": POSITIVE, "prompts_no_med": CONTROL}
"""The notebook of the study that was made of this release."""

Entries = list[dict[str, Any]]


def hook(layer: int) -> str:
    """The hook point that the SAE of a block reads."""
    return f"blocks.{layer}.hook_resid_pre"


def save_release(folder: Path) -> Path:
    """Write FOLDER/model, and FOLDER/standin with an SAE of each block; the latter."""
    save_model("gpt2", folder / "model")
    for layer in range(N_LAYERS):
        module = tiny_sae("standard", D_MODEL, D_SAE, seed=layer, hook_name=hook(layer), apply_b_dec_to_input=True)
        module.W_dec.data *= torch.linspace(0.5, 2, D_SAE)[:, None]
        said = {"context_size": 32, "neuronpedia_id": f"standin/{layer}-res"}
        said |= {"model_from_pretrained_kwargs": {"center_writing_weights": True}}
        save_sae(module, folder / "standin" / hook(layer), **said)
    return folder / "standin"


class Reference:
    """What a model and SAEs give, by Hugging Face and SAELens alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = GPT2LMHeadModel.from_pretrained(folder / "model", dtype=torch.float64).eval()
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder / "model")

    def ids(self, text: str) -> list[int]:
        """The tokens of a text."""
        found: list[int] = self.tokenizer(text)["input_ids"]
        return found

    @torch.no_grad()
    def stream(self, ids: Sequence[int], layer: int, bos: int = 1, *, centred: bool = True) -> torch.Tensor:
        """The residual stream before a block; centred weights write what has no mean."""
        tokens = torch.tensor([[self.tokenizer.bos_token_id] * bos + list(ids)])
        resid = self.model(tokens, output_hidden_states=True).hidden_states[layer][0, bos:]
        return resid - resid.mean(-1, keepdim=True) if centred else resid

    def sae(self, layer: int) -> Any:
        """SAELens' object, in float64."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return SAE.load_from_disk(self.folder / "standin" / hook(layer), dtype="float64")

    @torch.no_grad()
    def acts(self, ids: Sequence[int], layer: int, bos: int = 1) -> torch.Tensor:
        """Activations of all features on each token."""
        found: torch.Tensor = self.sae(layer).encode(self.stream(ids, layer, bos))
        return found

    @torch.no_grad()
    def text(self, prompt: str, new_tokens: int) -> str:
        """What follows a prompt."""
        ids = torch.tensor([[self.tokenizer.bos_token_id, *self.ids(prompt)]])
        found = self.model.generate(ids, max_new_tokens=new_tokens, do_sample=False, pad_token_id=0)
        return str(self.tokenizer.decode(found[0, ids.shape[1] :]))

    def known(self, layer: int, bos: int = 1) -> Entries:
        """Values of an SAE, of each kind."""
        ids, sae, of = self.ids(PROMPT), self.sae(layer), {"source": "standin", "sae_id": hook(layer)}
        acts, rows, W_U = self.acts(ids, layer, bos), sae.W_dec.detach(), self.model.lm_head.weight.detach().T
        best = acts.amax(0).topk(5)
        chosen = best.indices.tolist()
        near = torch.nn.functional.normalize(rows, dim=1)
        nearest = (near @ near[chosen[0]]).topk(3)
        largest = rows[chosen[0]].topk(3)
        logits = (rows[chosen[1]] @ W_U).topk(3)
        found = [
            {"kind": "strongest", "prompt": PROMPT, "features": chosen},
            *(
                {"kind": "activations", "feature": f, "prompt": PROMPT, "values": acts[:, f].tolist()} | CLOSE
                for f in chosen
            ),
            {"kind": "similar", "to": chosen[0], "nearest": _pairs(nearest)} | CLOSE,
            {"kind": "decoder", "feature": chosen[0], "entries": _pairs(largest)} | CLOSE,
            {"kind": "logits", "feature": chosen[1], "weights": [[t, "", w] for t, w in _pairs(logits)]} | CLOSE,
        ]
        if layer == 0:
            places = [
                [t, "", at, float(self.acts([7] * at + [t], 0, bos)[-1, chosen[0]])] for at, t in enumerate(PLACED)
            ]
            found.append({"kind": "places", "feature": chosen[0], "places": places} | CLOSE)
        return [entry | of for entry in found]

    def known_of_model(self) -> Entries:
        """Values of the model alone."""
        ids, at = self.ids(PROMPT), 1
        values = (self.stream(ids, at + 1, centred=False) * VECTOR["constant"]).sum(-1).tolist()
        stream = {"kind": "stream", "hook_name": f"blocks.{at}.hook_resid_post", "vector": VECTOR, "prompt": PROMPT}
        return [
            {"source": "standin", **stream, "values": values} | CLOSE,
            {"source": "standin", "kind": "completion", "prompt": PROMPT, "text": self.text(PROMPT, 4)},
        ]

    def positions(self, text: str, layer: int, bos: int = 1) -> np.ndarray:
        """Activations of all features on each position of a text, BOS too."""
        return self.acts([self.tokenizer.bos_token_id] * bos + self.ids(text), layer, 0).numpy()

    def study_means(self, layer: int, bos: int = 1, first: int = 0) -> pd.DataFrame:
        """The study's table on the lists of the notebook; first = 1 leaves a position out."""
        means = [
            np.mean([self.positions(text, layer, bos)[first:].mean(axis=0) for text in texts], axis=0)
            for texts in (POSITIVE, CONTROL)
        ]
        return pd.DataFrame({"number": np.arange(1, D_SAE + 1), "med": means[0], "no_med": means[1]})

    def known_of_study(self, measured: str, table: pd.DataFrame, loaded: str, logits: np.ndarray) -> Entries:
        """What the study would have printed of two SAEs, in the model's default processing."""
        found: Entries = [
            {"kind": "prompts", "sae_id": measured, "list": name, "count": len(texts)} for name, texts in LISTS.items()
        ]
        printed = study_list(table)
        features = [number - 1 for number in printed["number"].tolist()]
        for name, column in (("prompts_med", "med"), ("prompts_no_med", "no_med")):
            pairs = [list(pair) for pair in zip(features, printed[column].tolist(), strict=True)]
            found.append({"kind": "means", "sae_id": measured, "list": name, "means": pairs} | CLOSE)
        found.append({"kind": "candidates", "sae_id": measured, "features": features})
        for (heading, end), numbers in study_lists(logits).items():
            found.append({"kind": "moments", "heading": heading, "end": end, "sae_id": loaded, "features": numbers})
        return [entry | {"source": "standin", "processing": DEFAULT} for entry in found]


DEFAULT = {"center_writing_weights": True, "fold_ln": True, "center_unembed": True}
"""What TransformerLens does to weights by default."""
CLOSE = {"tolerance": 1e-3, "share": 1e-3}


def write_labels(path: Path) -> Path:
    """A label of every feature of every SAE, as Neuronpedia exports them: indices as text, in the order of text."""
    lines = [
        {"modelId": "standin", "layer": f"{layer}-res", "index": str(feature), "description": f"{layer} and {feature}"}
        for layer in range(N_LAYERS)
        for feature in sorted(range(D_SAE), key=str)
    ]
    with gzip.open(path, "wt") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines))
    return path


def write_known(path: Path, entries: Sequence[dict[str, Any]]) -> Path:
    """A file of expected values."""
    sources = {"standin": {"what": "computed by Hugging Face and SAELens", "licence": "none"}}
    path.write_text(json.dumps({"release": "standin", "sources": sources, "expected": list(entries)}))
    return path


def _pairs(top: Any) -> list[list[Any]]:
    return [[i, v] for v, i in zip(top.values.tolist(), top.indices.tolist(), strict=True)]
