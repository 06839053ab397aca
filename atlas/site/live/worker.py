"""The model's process: a typed text in, its tokens and what fires on each out.

    python -m atlas.site.live.worker --sae NAME [--sae NAME]... [--model NAME]

Says what it has loaded, or why it cannot, in its first frame; then answers a frame
with a frame (see `atlas.site.processes.frames`). It ends when the server closes its input, or dies.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from atlas.site.processes.frames import pack, read_frame
from schema.errors import AtlasError

if TYPE_CHECKING:
    from ingest.models.language_model import LanguageModel
    from ingest.models.sae import LoadedSAE


@click.command()
@click.option("--sae", "saes", multiple=True, required=True)
@click.option("--model")
@click.option("--threads", type=int, default=1)
def main(saes: tuple[str, ...], model: str | None, threads: int) -> None:
    """Load the model and its SAEs and answer until the input ends."""
    answers = _only_answers_on_stdout()
    try:
        for answer in replies(iter(lambda: read_frame(0), None), saes, model, threads):
            answers.write(pack(answer))
            answers.flush()
    except BrokenPipeError:
        os._exit(0)


def replies(
    questions: Iterable[dict[str, Any]], saes: tuple[str, ...], model_name: str | None, threads: int
) -> Iterator[dict[str, Any]]:
    """What was loaded, then the answer to each question."""
    import torch

    from ingest.encode.batch import BatchEncoder
    from ingest.encode.typed import encode_typed
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
        yield asdict(encode_typed(encoder, question["text"]))


def _identity(sae: "LoadedSAE", model: "LanguageModel") -> dict[str, str]:
    """What the server finds an SAE's rows by."""
    from ingest.models.identity import canonical, sae_config, sha256

    return {
        "release": sae.name.release,
        "sae_id": sae.name.sae_id,
        "weights_sha256": sae.weights_sha256,
        "config_sha256": sha256(canonical(sae_config(sae, model))),
    }


def _only_answers_on_stdout() -> BinaryIO:
    """The stream of answers; whatever a library prints goes to stderr instead."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    main()
