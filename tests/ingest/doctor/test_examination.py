"""A release held against values made of it by other means: all are found, and each kind of fault is named."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from ingest.doctor.examination import Diagnosis, Line, examine_release
from ingest.doctor.release import Asked
from tests.made.architectures import save_model
from tests.made.published_release import Reference, hook, save_release, write_known

Entries = list[dict[str, Any]]
Fault = Callable[[Path, Entries, Reference], Entries | None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release and its model; to be read, or copied before it is changed."""
    path = tmp_path_factory.mktemp("release")
    save_release(path)
    return path


@pytest.fixture(scope="module")
def reference(folder: Path) -> Reference:
    return Reference(folder)


def examined(folder: Path, entries: Entries, name: str = "") -> tuple[list[Line], list[str]]:
    """The lines of a release, or of one SAE of it, and what their misses mean."""
    known = write_known(folder / "known.json", entries)
    asked = Asked(str(folder / "standin" / name), str(folder / "model"), expected=known)
    found = list(examine_release(asked))
    return [each for each in found if isinstance(each, Line)], [
        each.meaning for each in found if isinstance(each, Diagnosis)
    ]


def missed(lines: Sequence[Line]) -> list[str]:
    return [f"{line.of}: {line.what}: {line.expected}; {line.found}" for line in lines if line.missed]


def test_all_that_other_means_give_is_found(folder: Path, reference: Reference) -> None:
    entries = reference.known_of_model() + [entry for layer in range(3) for entry in reference.known(layer)]
    lines, meanings = examined(folder, entries)
    assert missed(lines) == meanings == []
    assert [line.source for line in lines].count("standin") == len(entries)
    assert {line.of for line in lines} == {str(folder / "model"), *(f"standin/{hook(layer)}" for layer in range(3))}
    assert [line.source for line in lines].count("computed") == 6


def one_off(by: int) -> Fault:
    def fault(folder: Path, entries: Entries, reference: Reference) -> Entries:
        for entry in entries:
            if "feature" in entry:
                entry["feature"] += by
            if entry["kind"] == "strongest":
                entry["features"] = [each + by for each in entry["features"]]
            if entry["kind"] == "similar":
                entry["to"], entry["nearest"] = entry["to"] + by, [[f + by, c] for f, c in entry["nearest"]]
        return entries

    return fault


def bos(count: int) -> Fault:
    return lambda folder, entries, reference: reference.known(1, count)


def in_config(**changes: Any) -> Fault:
    def fault(folder: Path, entries: Entries, reference: Reference) -> None:
        path = folder / "standin" / hook(1) / "cfg.json"
        config = json.loads(path.read_text())
        for name, value in changes.items():
            (config if name in config else config["metadata"])[name] = value
        path.write_text(json.dumps(config))

    return fault


def folded_rows(folder: Path, entries: Entries, reference: Reference) -> None:
    norms = reference.sae(1).W_dec.detach().norm(dim=1)
    for entry in entries:
        if entry["kind"] == "activations":
            entry["values"] = [value * float(norms[entry["feature"]]) for value in entry["values"]]


def folded_norm(folder: Path, entries: Entries, reference: Reference) -> None:
    """ln_final folded into the unembedding, which is centred over the vocabulary, as by default."""
    model = reference.model
    W_U = model.lm_head.weight.detach().T * model.transformer.ln_f.weight.detach()[:, None]
    W_U = W_U - W_U.mean(0)
    for entry in entries:
        if entry["kind"] == "logits":
            logits = reference.sae(1).W_dec[entry["feature"]].detach() @ (W_U - W_U.mean(1, keepdim=True))
            entry["weights"] = [[token, text, float(logits[token])] for token, text, _ in entry["weights"]]


def swapped(*files: str) -> Fault:
    def fault(folder: Path, entries: Entries, reference: Reference) -> None:
        for file in files:
            one, two = (folder / "standin" / hook(layer) / file for layer in (1, 2))
            held = one.read_bytes()
            one.write_bytes(two.read_bytes())
            two.write_bytes(held)

    return fault


def trained_anew(folder: Path, entries: Entries, reference: Reference) -> None:
    from safetensors.torch import save_file

    path = folder / "standin" / hook(1) / "sae_weights.safetensors"
    generator = torch.Generator().manual_seed(99)
    weights = load_file(path)
    save_file({name: each + 0.1 * torch.randn(each.shape, generator=generator) for name, each in weights.items()}, path)


def another_model(folder: Path, entries: Entries, reference: Reference) -> Entries:
    save_model("gpt2", folder / "model", seed=2)
    return [*reference.known_of_model(), *entries]


SWAPPED = (f"those of standin/{hook(2)}: another SAE lies under the name of standin/{hook(1)}",)
FAULTS: dict[str, tuple[Fault, tuple[str, ...]]] = {
    "counted from one": (one_off(1), ("feature number -1 gives here: their numbers are one off", "count from one")),
    "one less": (one_off(-1), ("feature number +1 gives here: their numbers are one off",)),
    "BOS doubled": (bos(2), ("two BOS tokens before the text give: BOS was doubled there",)),
    "no BOS": (bos(0), ("a text without BOS gives",)),
    "no BOS here": (in_config(prepend_bos=False), ("what a BOS token before the text gives, and this SAE has none",)),
    "decoder norm": (folded_rows, ("these activations times the length of their decoder row",)),
    "hook": (in_config(hook_name=hook(2)), ("gives -1 block from where it says it reads",)),
    "b_dec": (in_config(apply_b_dec_to_input=False), ("apply_b_dec_to_input is wrong",)),
    "not centred": (
        in_config(model_from_pretrained_kwargs={}),
        ("given by the model with center_writing_weights, and it was loaded with no processing",),
    ),
    "folded": (folded_norm, ("the model with center_writing_weights and fold_ln and center_unembed",)),
    "swapped folders": (swapped("sae_weights.safetensors", "cfg.json"), SWAPPED),
    "swapped weights": (swapped("sae_weights.safetensors"), SWAPPED),
    "trained anew": (trained_anew, ("are not in this decoder: it is another SAE",)),
    "another model": (
        another_model,
        ("are not those of this model", "the decoder is as published, so the encoder or the model is another"),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_kind_of_fault_is_named(name: str, folder: Path, reference: Reference, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(folder, tmp_path / "release"))
    fault, words = FAULTS[name]
    entries = reference.known(1)
    entries = fault(copied, entries, reference) or entries
    several = [*entries, *reference.known(2)] if words == SWAPPED else entries
    lines, meanings = examined(copied, several, "" if words == SWAPPED else hook(1))
    assert missed(lines)
    said = " | ".join(meanings)
    for each in words:
        assert each in said
    others = [each for other, (_, them) in FAULTS.items() if other != name for each in them if each not in words]
    assert not [each for each in others if each in said], said


def test_a_tokenizer_that_cuts_otherwise_is_named(folder: Path, reference: Reference) -> None:
    entry = reference.known(1)[1]
    entry["values"] = entry["values"][:-1]
    (line,) = [line for line in examined(folder, [entry], hook(1))[0] if line.missed]
    assert f"{len(entry['values'])} values are known; it is another tokenizer" in line.found


SHORT = "The"
"""A prompt in which BOS is half of what attention sees."""


def steered(reference: Reference, push: torch.Tensor, start: int) -> str:
    """What follows where a vector is added before block 1, from a position on."""

    def add(block: Any, inputs: Any) -> Any:
        resid = inputs[0].clone()
        resid[:, start if resid.shape[1] > 1 else 0 :] += push
        return (resid, *inputs[1:])

    handle = reference.model.transformer.h[1].register_forward_pre_hook(add)
    try:
        return reference.text(SHORT, 6)
    finally:
        handle.remove()


@pytest.mark.parametrize("start", [0, 1])
def test_steering_that_spares_bos_is_told_from_one_that_does_not(
    start: int, folder: Path, reference: Reference
) -> None:
    feature, row = 7, reference.sae(1).W_dec[7].detach()
    strengths = (2.0**power for power in range(10))
    both = ((strength, [steered(reference, strength * row, each) for each in (0, 1)]) for strength in strengths)
    strength, texts = next((strength, texts) for strength, texts in both if texts[0] != texts[1])
    entry = {"kind": "completion", "source": "standin", "sae_id": hook(1), "feature": feature, "strength": strength}
    lines, meanings = examined(folder, [entry | {"prompt": SHORT, "text": texts[start]}], hook(1))
    assert bool(missed(lines)) == bool(start)
    assert ("steering gives that leaves BOS as it is" in " ".join(meanings)) == bool(start)
