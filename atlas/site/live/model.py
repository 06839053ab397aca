"""The language model of a server with its SAEs, in a process: what fires on a text, tells boxes apart, steers."""

import sys
from collections.abc import Sequence
from typing import Any

from atlas.site.live.model_process import ANSWER_SECONDS, WAITING, LiveError, ModelProcess, text_for_model_process

LONGEST_PROMPT = 500
"""Characters of a prompt that is steered."""
MOST_DOSE = 20.0
"""Either way, in units of a feature's largest activation."""


class LiveModel(ModelProcess):
    """A process that holds a model and its SAEs."""

    def __init__(
        self, saes: Sequence[str], model: str | None = None, *, seconds: float = ANSWER_SECONDS, waiting: int = WAITING
    ) -> None:
        super().__init__(worker_command(saes, model), seconds=seconds, waiting=waiting)

    async def ask(self, text: str) -> dict[str, Any]:
        """What fires on a text: `ingest.encode.typed_text.Typed` as a dict.

        Raises:
            LiveError: the text is too long, too many are waiting, the model is not there yet, or it took too long.
        """
        return await self._queued({"text": text_for_model_process(text)})

    async def tell_apart(self, boxes: tuple[Sequence[str], Sequence[str]]) -> dict[str, Any]:
        """The features that tell two boxes of sentences apart, as `features`, each with its SAE's place as `sae`.

        Raises:
            LiveError: as `ask`, and where a box is empty.
        """
        if not all(boxes):
            raise LiveError("a box is empty; type a sentence a line into each", 400)
        for box in boxes:
            text_for_model_process("\n".join(box))
        return await self._queued({"boxes": [[text_for_model_process(sentence) for sentence in box] for box in boxes]})

    def loaded_saes(self) -> list[dict[str, Any]]:
        """What the SAEs that are loaded are found by, in their order.

        Raises:
            LiveError: the model is not there yet, or cannot be loaded.
        """
        self.start()
        self._check_loaded()
        assert self.loaded is not None
        return list(self.loaded["saes"])

    async def steer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A typed prompt, steered: `ingest.circuits.effects.typed_steering.TypedSteering` as a dict.

        `asked` has text, dose, unit, sae (its place among those loaded), feature and controls.

        Raises:
            LiveError: as `ask`, and where the prompt is too short or too long for the model.
        """
        if len(asked["text"]) > LONGEST_PROMPT:
            raise LiveError(f"the prompt has {len(asked['text']):,} characters; type at most {LONGEST_PROMPT:,}", 400)
        answer = await self._queued({"steer": asked | {"text": text_for_model_process(asked["text"])}})
        if "refused" in answer:
            raise LiveError(answer["refused"], 400)
        return answer


def worker_command(saes: Sequence[str], model: str | None) -> list[str]:
    """The command line of the model's process; -P keeps the current folder out of its imports."""
    command = [sys.executable, "-P", "-m", "atlas.site.live.worker"]
    for sae in saes:
        command += ["--sae", sae]
    return command if model is None else [*command, "--model", model]
