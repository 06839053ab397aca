"""The model's process: a typed text in, its tokens and what fires on each out.

    python -m atlas.site.live.worker --sae NAME [--sae NAME]... [--model NAME]

Says what it has loaded, or why it cannot, in its first frame; then answers a frame
with a frame (see `atlas.site.processes`). It ends when the server closes its input, or dies.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from atlas.site.processes import answer_frames
from schema.errors import AtlasError

if TYPE_CHECKING:
    from ingest.encode.batch import BatchEncoder
    from ingest.models.language_model import LanguageModel
    from ingest.models.sae import SAE

MOST_FEATURES = 500
"""Features that are told of two boxes, times the SAEs; the page leaves the dense ones out."""


@click.command()
@click.option("--sae", "saes", multiple=True, required=True)
@click.option("--model")
@click.option("--threads", type=int, default=1)
def main(saes: tuple[str, ...], model: str | None, threads: int) -> None:
    """Load the model and its SAEs and answer until the input ends."""
    answer_frames(lambda questions: replies(questions, saes, model, threads))


def replies(
    questions: Iterable[dict[str, Any]], saes: tuple[str, ...], model_name: str | None, threads: int
) -> Iterator[dict[str, Any]]:
    """What was loaded, then the answer to each question."""
    import torch

    from ingest.encode.batch import BatchEncoder
    from ingest.encode.typed_text import encode_typed
    from ingest.models.matching import load_together

    torch.set_num_threads(threads)
    try:
        model, loaded = load_together(saes, model_name)
    except AtlasError as error:
        yield {"error": str(error)}
        return
    encoder = BatchEncoder.of(model, loaded)
    encode_typed(encoder, "The first text takes longest.")
    names = [_identity(sae, model) for sae in loaded]
    yield {"model": model.name, "saes": names, "window": encoder.tokenization.window_tokens}
    for question in questions:
        if "steer" in question:
            yield _steered(model, loaded, question["steer"])
        elif "boxes" in question:
            yield _told_apart(encoder, question["boxes"])
        else:
            yield asdict(encode_typed(encoder, question["text"]))


def _told_apart(encoder: "BatchEncoder", boxes: list[list[str]]) -> dict[str, Any]:
    """What tells two boxes of sentences apart: the best features, each with its SAE's place among those loaded."""
    from ingest.search.examples import rank_features_of_saes
    from ingest.search.found_features import search_told_apart

    positive, negative = boxes
    of_each = search_told_apart(encoder, (positive, negative))
    return {"features": rank_features_of_saes(of_each).slice(0, MOST_FEATURES * len(of_each)).to_pylist()}


def _steered(model: "LanguageModel", saes: "Sequence[SAE]", asked: dict[str, Any]) -> dict[str, Any]:
    """A prompt steered by a feature, or why it cannot be."""
    from ingest.circuits.effects.typed_steering import steer_typed

    pushed = asked["dose"] * asked["unit"], asked["controls"]
    try:
        return asdict(steer_typed(model, saes[asked["sae"]], asked["feature"], asked["text"], pushed))
    except AtlasError as error:
        return {"refused": str(error)}


def _identity(sae: "SAE", model: "LanguageModel") -> dict[str, str]:
    """What the server finds an SAE's rows by."""
    from ingest.models.identity import canonical_settings, sae_config, sha256_of_parts

    return {
        "release": sae.name.release,
        "sae_id": sae.name.sae_id,
        "weights_sha256": sae.weights_sha256,
        "config_sha256": sha256_of_parts(canonical_settings(sae_config(sae, model))),
    }


if __name__ == "__main__":
    main()
