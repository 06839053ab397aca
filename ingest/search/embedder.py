"""A sentence-embedding model out of a folder of this machine: texts to vectors of length 1, and no network.

Token vectors are pooled as the folder says in sentence-transformers' layout, else by their mean:

FOLDER/config.json, model.safetensors, tokenizer.json         what transformers' AutoModel loads
FOLDER/modules.json, 1_Pooling/config.json                    its parts, and how tokens are pooled

Source: Reimers & Gurevych 2019, Sentence-BERT; github.com/UKPLab/sentence-transformers: models/Pooling.py, and
models/Transformer.py for how many tokens of a text are read.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import torch
from jaxtyping import Float, Int

from ingest.models.garbage import unsearched
from schema.errors import ModelError

AT_ONCE = 64
"""Texts of a batch."""
LONGEST = 512
"""Tokens of a text, where neither the folder nor the model says."""
NO_LIMIT = 10**20
"""A tokenizer that knows of no limit says more."""
FIRST_TEXT = "The first text takes longest."
POOLINGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max"}
PARTS = ("Transformer", "Pooling", "Normalize")
"""The parts of a model that are read; vectors are normalised in any case."""
Vectors = Float[np.ndarray, "text d_embedding"]


class Embedder:
    """A model that gives texts vectors; `sha256` is that of its files, which whatever it computes follows from.

    Raises:
        ModelError: from `vectors`, where the model gives no finite ones.
    """

    def __init__(self, model: Any, tokenizer: Any, pooling: str, longest: int, sha256: str) -> None:
        self._model, self._tokenizer, self._pooling, self._longest = model, tokenizer, pooling, longest
        self.sha256 = sha256

    @classmethod
    def load(cls, folder: Path) -> "Embedder":
        """The model of a folder.

        Raises:
            ModelError: the folder holds none, one with parts that are not read here, or one that gives a text no
                vector.
        """
        if not (folder / "modules.json").is_file() and not (folder / "config.json").is_file():
            raise ModelError(
                f"{folder} is no model: it holds neither config.json nor modules.json; "
                "give the folder of a sentence-embedding model"
            )
        weights, pooling = _parts(folder)
        said = _read(folder / "sentence_bert_config.json") if (folder / "sentence_bert_config.json").exists() else {}
        try:
            model, tokenizer = _loaded(weights)
            embedder = cls(model, tokenizer, pooling, _longest(said, model, tokenizer), _sha256(folder))
            embedder.vectors([FIRST_TEXT])
        except ModelError:
            raise
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(f"{folder} cannot be loaded as a model of texts: {reason}") from error
        return embedder

    @torch.no_grad()
    def vectors(self, texts: Sequence[str]) -> Vectors:
        """A vector of length 1 for each text; zeros where a text gives none."""
        found = [self._batch(texts[first : first + AT_ONCE]) for first in range(0, len(texts), AT_ONCE)]
        return np.concatenate(found) if found else np.zeros((0, self._model.config.hidden_size), np.float32)

    def _batch(self, texts: Sequence[str]) -> Vectors:
        encoded = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=self._longest, return_tensors="pt"
        )
        states = self._model(**encoded).last_hidden_state  # (text, token, d_embedding)
        pooled = _pooled(states, encoded["attention_mask"], self._pooling)
        unit: Vectors = torch.nn.functional.normalize(pooled.float(), dim=-1).numpy()
        if not np.isfinite(unit).all():
            raise ModelError("the model gives vectors that are not finite; get it anew")
        return unit


def embedder_name(folder: Path) -> str:
    """What to call the model of a folder: the folder's name, or ORGANISATION/NAME in a cache of Hugging Face's."""
    place = folder.resolve()
    above = place.parent.parent.name
    if place.parent.name == "snapshots" and above.startswith("models--"):
        return above.removeprefix("models--").replace("--", "/", 1)
    return place.name


def _pooled(
    states: Float[torch.Tensor, "text token d_embedding"], mask: Int[torch.Tensor, "text token"], pooling: str
) -> Float[torch.Tensor, "text d_embedding"]:
    """One vector a text, padding left out."""
    held = mask[..., None].to(states.dtype)  # (text, token, 1)
    if pooling == "cls":
        return states[torch.arange(len(states)), mask.argmax(dim=1)]
    if pooling == "max":
        return states.masked_fill(held == 0, -torch.inf).max(dim=1).values
    return (states * held).sum(dim=1) / held.sum(dim=1).clamp(min=1e-9)


def _parts(folder: Path) -> tuple[Path, str]:
    """Where the weights lie, and how tokens are pooled."""
    if not (folder / "modules.json").is_file():
        return folder, "mean"
    weights, pooling = folder, "mean"
    for part in _read(folder / "modules.json"):
        kind, place = str(part.get("type", "")).rpartition(".")[2], folder / str(part.get("path", ""))
        if kind not in PARTS:
            raise ModelError(f"{folder} has a part {kind or '?'}, which is not read here; it reads {', '.join(PARTS)}")
        if kind == "Transformer":
            weights = place
        elif kind == "Pooling":
            pooling = _pooling(place / "config.json")
    return weights, pooling


def _pooling(path: Path) -> str:
    said = _read(path)
    named = said.get("pooling_mode")
    asked = [named] if named else [name for name in said if name.startswith("pooling_mode_") and said[name] is True]
    found = [POOLINGS.get(name, name) for name in asked] or ["mean"]
    if len(found) != 1 or found[0] not in POOLINGS.values():
        raise ModelError(f"{path} pools by {', '.join(map(str, asked))}; read are {', '.join(POOLINGS.values())}")
    return str(found[0])


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read as JSON ({error}); get the model anew") from error


@unsearched()
def _loaded(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    online, huggingface_hub.constants.HF_HUB_OFFLINE = huggingface_hub.constants.HF_HUB_OFFLINE, True
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        model = AutoModel.from_pretrained(
            str(folder), local_files_only=True, use_safetensors=True, dtype=torch.float32
        ).eval()
    finally:
        huggingface_hub.constants.HF_HUB_OFFLINE = online
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return model, tokenizer


def _longest(said: Any, model: Any, tokenizer: Any) -> int:
    """Tokens of a text that are read: what the folder says, else its tokenizer, where the model has positions."""
    limits = [said.get("max_seq_length") or tokenizer.model_max_length, _positions(model)]
    return min((n for n in limits if isinstance(n, int) and 0 < n < NO_LIMIT), default=LONGEST)


def _positions(model: Any) -> int | None:
    """Tokens that a model has positions for; RoBERTa and its kin count them from behind that of padding."""
    for name, part in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(part, torch.nn.Embedding):
            return part.num_embeddings - (0 if part.padding_idx is None else part.padding_idx + 1)
    found: int | None = getattr(model.config, "max_position_embeddings", None)
    return found


def _sha256(folder: Path) -> str:
    """A hash of the files of a folder, by their names."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in (".json", ".safetensors", ".txt", ".model"):
            with path.open("rb") as file:
                found.update(str(path.relative_to(folder)).encode() + hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()
