"""A sentence-embedding model of a server, in a process: the labels of a snapshot that are nearest in meaning to a text.

The labels are read in the background, a few at a time, so that a question waits for none but those under way. Their
vectors lie in a file of the site, SITE/meaning.db, and else in memory alone.
"""

import logging
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from atlas.site.live.model_process import ANSWER_SECONDS, WAITING, LiveError, ModelProcess, text_for_model_process

log = logging.getLogger(__name__)

FILE = "meaning.db"
"""Its name in the folder of a site."""
LABELS = 20
"""Labels that are found."""
STEP_SECONDS = 120.0
"""How long a step of reading labels may take; the process looks at the clock once a batch."""
LOSSES = 2
"""Processes that may end over the labels of a snapshot before these are given up."""


@dataclass(frozen=True)
class Nearest:
    """The labels nearest to a text, each with its cosine, and the model that says so."""

    labels: list[tuple[str, float]]
    model: str
    sha256: str


class LiveEmbedder(ModelProcess):
    """A process that holds an embedding model and the vectors of labels."""

    option = "--embedder"

    def __init__(self, folder: Path, kept: Path, *, seconds: float = ANSWER_SECONDS, waiting: int = WAITING) -> None:
        super().__init__(worker_command(folder, kept), seconds=seconds, waiting=waiting)
        self._snapshot: Path | None = None
        self._losses: Counter[Path] = Counter()

    def read_labels(self, snapshot: Path) -> None:
        """Begin to read the labels of a snapshot's database; returns at once."""
        self._snapshot = snapshot
        self.start()
        if self.loaded is not None and not self._given_up(snapshot):  # else they are read as soon as it is loaded
            self._thread.submit(self._read_on, snapshot)

    async def nearest(self, snapshot: Path, text: str) -> Nearest:
        """The labels of a snapshot's database that are nearest to a text.

        Raises:
            LiveError: the text is too long, too many are waiting, the model or the labels are not there yet, it took
                too long, or the labels or the text cannot be read.
        """
        if self._given_up(snapshot):
            raise LiveError(
                "the labels cannot be read: the model's process ended over them; the log of the server says why", 503
            )
        answer = await self._queued({"text": text_for_model_process(text), "atlas": str(snapshot), "limit": LABELS})
        if "refused" in answer:
            raise LiveError(answer["refused"], 503)
        if answer["read"] < answer["labels"]:
            if self._snapshot != snapshot:
                self.read_labels(snapshot)
            done = f"{answer['read']:,} of {answer['labels']:,}"
            raise LiveError(f"the labels are being read, {done} so far; try again in a few seconds", 503)
        labels = [(label, similarity) for label, similarity in answer["near"]]
        return Nearest(labels, answer["model"], answer["sha256"])

    def _load(self) -> None:
        super()._load()
        if self.loaded is not None and self._snapshot is not None:
            self.read_labels(self._snapshot)

    def _failure(self, error: str) -> str:
        return "the log of the server says why"  # the error names folders

    def _read_on(self, snapshot: Path) -> None:
        """Read some labels, and put the rest behind the questions that wait."""
        if self.loaded is None or self._closed:
            return  # they are read as soon as it is loaded again
        try:
            answer = self._answer({"atlas": str(snapshot)}, STEP_SECONDS)
        except LiveError as error:
            self._lose(snapshot, error)
            return
        if "refused" in answer:
            log.error("atlas serve --embedder: %s", answer["refused"])
        elif answer["read"] == answer["labels"]:
            self._losses.pop(snapshot, None)
        elif not self._closed:
            self._thread.submit(self._read_on, snapshot)

    def _lose(self, snapshot: Path, error: LiveError) -> None:
        """Count a process that ended over labels, lest each that is started reads them again and ends."""
        if self._closed:
            return
        self._losses[snapshot] += 1
        log.warning("atlas serve --embedder: the labels are not read: %s", error)
        if self._given_up(snapshot):
            log.error(
                "atlas serve --embedder: the labels of %s are given up: the model's process ended over them %d times",
                snapshot,
                LOSSES,
            )

    def _given_up(self, snapshot: Path) -> bool:
        return self._losses[snapshot] >= LOSSES


def worker_command(folder: Path, kept: Path) -> list[str]:
    """The command line of the model's process; -P keeps the current folder out of its imports."""
    return [sys.executable, "-P", "-m", "atlas.site.live.embedder_worker", str(folder.resolve()), str(kept.resolve())]
