"""What each kind of published value is: how it is said, what is expected, and what a subject gives.

activations   of a feature, on each token of a prompt, BOS left out
strongest     the features with the largest activation on a prompt, BOS left out, strongest first
places        activations of a feature at the entry of the model, where a token and its place in a window, BOS left out,
              are all that matters: [token id, text, place, activation]
similar       the features whose decoder rows have the largest cosine with that of `to`, or with a vector of ones:
              [feature, cosine], nearest first
decoder       entries of a feature's decoder row: [dimension, value]
logits        logit weights of a feature: [token id, text, weight]
quality       `l0` or `explained_variance` on the bundled corpora
stream        the projection of a hook point on a vector, on each token, weights unprocessed: {"constant": c} is c
              everywhere, {"sine": [a, b]} is b sin(a i) to six decimals
completion    what follows a prompt, the likeliest token each time; with a feature, `strength` times its decoder row is
              added at its SAE's hook point, at every position, BOS too
prompts, means, candidates, moments: what the study printed; see `study`
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ingest.doctor import study
from ingest.doctor.corpora import bundled_l0, examined_explained_variance
from ingest.doctor.examined_model import Subject
from ingest.doctor.expected import Expected
from ingest.models.circuit_weights import stream_directions
from ingest.models.patch import Patch
from schema.errors import ModelError

Values = Sequence[float] | Sequence[int] | str
ONES = "ones"


@dataclass(frozen=True)
class Kind:
    """How a kind is said in a few words, what an entry expects, and what a subject gives."""

    said: Callable[[Expected], str]
    wanted: Callable[[Expected], Values]
    found: Callable[[Expected, Subject], Values]


def _activations(entry: Expected, subject: Subject) -> list[float]:
    found = subject.activations(_as_many(entry, subject))
    return _floats(_scaled(entry, subject, found)[:, subject.feature(entry["feature"])])


def _strongest(entry: Expected, subject: Subject) -> list[int]:
    largest = subject.activations(subject.token_ids(entry["prompt"])).amax(0)
    order = largest.topk(min(len(entry["features"]), len(largest))).indices
    return [int(each) - subject.reading.shift for each in order]


def _places(entry: Expected, subject: Subject) -> list[float]:
    found = []
    feature = subject.feature(entry["feature"])
    tokens = _tokens((token for token, *_ in entry["places"]), subject)
    for token, (_, _, place, _) in zip(tokens, entry["places"], strict=True):
        x = subject.stream([token] * (int(place) + 1), subject.hook_name)[-1:]
        found.append(float(_scaled(entry, subject, subject.encode(x))[0, feature]))
    return found


def _similar(entry: Expected, subject: Subject) -> list[float]:
    """Numbers and cosines in turn, so that another order is another value."""
    rows = F.normalize(subject.reads.W_dec, dim=1)
    to = entry["to"]
    vector = torch.ones_like(rows[0]) if to == ONES else rows[subject.feature(to)]
    cosines = rows @ F.normalize(vector, dim=0)
    best = cosines.topk(min(len(entry["nearest"]), len(cosines)))
    numbers = best.indices - subject.reading.shift
    return [each for pair in zip(_floats(numbers), _floats(best.values), strict=True) for each in pair]


def _decoder(entry: Expected, subject: Subject) -> list[float]:
    row = subject.reads.W_dec[subject.feature(entry["feature"])]
    row = F.normalize(row, dim=0) if entry.get("folded") else row
    what = f"decoder rows of {subject.reads.name} have no entry"
    return _floats(row[_there((int(dimension) for dimension, _ in entry["entries"]), len(row), what)])


def _logits(entry: Expected, subject: Subject) -> list[float]:
    directions = stream_directions(subject.model, subject.reads)
    if directions is None:
        raise ModelError(f"{subject.reads.name} reads where nothing is written: it has no logit weights")
    row = directions[subject.feature(entry["feature"])]
    row = F.normalize(row, dim=0) if entry.get("folded") else row
    return _floats(row @ subject.model.W_U[:, _tokens((token for token, _, _ in entry["weights"]), subject)])


def _quality(entry: Expected, subject: Subject) -> list[float]:
    return [{"l0": bundled_l0, "explained_variance": examined_explained_variance}[entry["figure"]](subject)]


def _stream(entry: Expected, subject: Subject) -> list[float]:
    found = subject.stream(_as_many(entry, subject), entry["hook_name"])
    return _floats(found.double() @ _vector(entry["vector"], found.shape[1]).to(found.device))


def _completion(entry: Expected, subject: Subject) -> str:
    patches = []
    if entry.get("feature") is not None:
        row = subject.reads.W_dec[subject.feature(entry["feature"])]
        steered = slice(subject.reading.steered_from, None)
        patches = [Patch.add(subject.hook_name, float(entry.get("strength", 1)) * row, positions=steered)]
    new_tokens = len(subject.token_ids(entry["text"]))
    found = subject.hooked().generate(subject.prompt(entry["prompt"]), new_tokens, patches)
    return str(subject.model.tokenizer.decode(found[0].tolist()))


KINDS: dict[str, Kind] = {
    "activations": Kind(lambda e: f"feature {e['feature']} on {e['prompt']!r}", lambda e: e["values"], _activations),
    "strongest": Kind(lambda e: f"strongest features on {e['prompt']!r}", lambda e: e["features"], _strongest),
    "places": Kind(
        lambda e: f"feature {e['feature']} on {len(e['places'])} tokens",
        lambda e: [value for *_, value in e["places"]],
        _places,
    ),
    "similar": Kind(
        lambda e: f"decoder rows nearest {'ones' if e['to'] == ONES else e['to']}",
        lambda e: [each for pair in e["nearest"] for each in pair],
        _similar,
    ),
    "decoder": Kind(lambda e: f"decoder of {e['feature']}", lambda e: [value for _, value in e["entries"]], _decoder),
    "logits": Kind(
        lambda e: f"logit weights of {e['feature']}", lambda e: [weight for *_, weight in e["weights"]], _logits
    ),
    "quality": Kind(lambda e: str(e["figure"]), lambda e: [e["value"]], _quality),
    "stream": Kind(lambda e: f"{e['hook_name']} on {e['prompt']!r}", lambda e: e["values"], _stream),
    "completion": Kind(
        lambda e: (
            f"after {e['prompt']!r}"
            + (f", {e['feature']} times {e.get('strength', 1):g}" if e.get("feature") is not None else "")
        ),
        lambda e: e["text"],
        _completion,
    ),
    "prompts": Kind(lambda e: f"prompts in {e['list']}", lambda e: [e["count"]], study.examined_list_length),
    "means": Kind(
        lambda e: f"means of {e['list']}, BOS counted",
        lambda e: [mean for _, mean in e["means"]],
        study.examined_study_means,
    ),
    "candidates": Kind(lambda e: "candidates, by difference", lambda e: e["features"], study.examined_study_candidates),
    "moments": Kind(
        lambda e: f"{e['end']} {e['heading']} of logit weights, as sorted there",
        lambda e: e["features"],
        study.examined_study_moments,
    ),
}
"""By the name that files use."""


def tolerances_apart(entry: Expected, found: Values) -> float:
    """How far what was found is from what is expected, in tolerances: within is at most 1.

    Texts and numbers of features are the same, or infinitely far apart; of some lists so many features may be others.
    """
    wanted = KINDS[entry.kind].wanted(entry)
    if entry.kind in study.NEAR_TIES:
        others = max(len({*wanted} - {*found}), len({*found} - {*wanted}))
        return others / max(entry.tolerance, 1e-300)
    if isinstance(wanted, str) or entry.kind == "strongest":
        return 0.0 if list(found) == list(wanted) else math.inf
    if len(found) != len(wanted):
        return math.inf
    expected = np.asarray(wanted, np.float64)
    off = np.abs(np.asarray(found, np.float64) - expected)
    room = entry.tolerance + entry.share * np.abs(expected)
    return float(np.max(np.where(off > 0, off / np.maximum(room, 1e-300), 0.0), initial=0.0))


def _as_many(entry: Expected, subject: Subject) -> list[int]:
    """The tokens of the prompt.

    Raises:
        ModelError: the tokenizer cuts it in another number than there are values.
    """
    found = subject.token_ids(entry["prompt"])
    if len(found) != len(entry["values"]):
        raise ModelError(
            f"the tokenizer of {subject.model.name} cuts {entry['prompt']!r} in {len(found)} tokens, and "
            f"{len(entry['values'])} values are known; it is another tokenizer"
        )
    return found


def _tokens(numbers: Iterable[Any], subject: Subject) -> list[int]:
    return _there(map(int, numbers), subject.model.config.d_vocab, f"{subject.model.name} has no token")


def _there(numbers: Iterable[int], size: int, what: str) -> list[int]:
    """Numbers that are below a size.

    Raises:
        ModelError: one is not.
    """
    found = list(numbers)
    for number in found:
        if not 0 <= number < size:
            raise ModelError(f"{what} {number}: they are 0 to {size - 1}")
    return found


def _scaled(entry: Expected, subject: Subject, acts: torch.Tensor) -> torch.Tensor:
    """Activations as the source has them: `folded` ones bear the length of their decoder row."""
    return acts * subject.reads.W_dec.norm(dim=1) if entry.get("folded") else acts


def _vector(told: Any, width: int) -> torch.Tensor:
    if "constant" in told:
        return torch.full((width,), float(told["constant"]), dtype=torch.float64)
    step, size = told["sine"]
    return torch.tensor([round(math.sin(step * i) * size, 6) for i in range(width)], dtype=torch.float64)


def _floats(values: torch.Tensor) -> list[float]:
    return [float(each) for each in values.tolist()]
