"""The embedding model's process: labels of a snapshot are read, and those nearest to a text told.

    python -m atlas.site.live.embedder_worker FOLDER KEPT

Says which model it has loaded, or why it cannot, in its first frame; then answers a frame with a frame (see
`atlas.site.processes`): `{atlas}` reads on for a second, `{atlas, text, limit}` tells what is nearest once all are
read. Each answer names the model, and says in `refused` why there is none.
"""

import sqlite3
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atlas.site.processes import answer_frames
from schema.errors import AtlasError, ModelError

if TYPE_CHECKING:
    from ingest.search.embedder import Embedder, Vectors
    from ingest.search.meaning import VectorFile

AT_ONCE = 64
STEP_SECONDS = 1.0
"""How long labels are read before the next question is looked at."""
SNAPSHOTS = 2
"""The one that is served, and the one before or after it."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("kept", type=click.Path(path_type=Path))
@click.option("--threads", type=int, default=1)
def main(folder: Path, kept: Path, threads: int) -> None:
    """Load the model of FOLDER, with vectors in KEPT, and answer until the input ends."""
    answer_frames(lambda questions: replies(questions, folder, kept, threads))


def replies(questions: Iterable[dict[str, Any]], folder: Path, kept: Path, threads: int) -> Iterator[dict[str, Any]]:
    """What was loaded, then the answer to each question."""
    import torch

    from ingest.search.embedder import Embedder, embedder_name
    from ingest.search.meaning import VectorFile

    torch.set_num_threads(threads)
    try:
        embedder = Embedder.load(folder)
    except AtlasError as error:
        yield {"error": str(error)}
        return
    snapshots = Snapshots(embedder, VectorFile(kept, embedder.sha256))
    model = {"model": embedder_name(folder), "sha256": embedder.sha256}
    yield model
    for question in questions:
        yield model | snapshots.answer(question)


class Snapshots:
    """The labels of the snapshots that are asked for, each with the vectors that are known so far."""

    def __init__(self, embedder: "Embedder", kept: "VectorFile") -> None:
        self._embedder, self._kept = embedder, kept
        self._open: OrderedDict[str, _Labels] = OrderedDict()

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """How many labels are read, and those nearest to the question's text once all are; or why not."""
        try:
            labels = self._of(question["atlas"])
        except sqlite3.Error as error:
            return {"refused": f"the labels cannot be read: {error}"}
        if "text" not in question:
            labels.read_on(STEP_SECONDS)
        if labels.failure is not None:
            return {"refused": f"the labels cannot be read: {labels.failure}"}
        answer: dict[str, Any] = {"read": labels.read, "labels": len(labels.labels)}
        if "text" in question and labels.read == len(labels.labels):
            try:
                answer["near"] = labels.nearest(self._embedder, question["text"], question["limit"])
            except ModelError as error:
                return {"refused": f"the text cannot be read: {error}"}
        return answer

    def _of(self, atlas: str) -> "_Labels":
        if atlas not in self._open:
            self._open[atlas] = _Labels(self._embedder, self._kept, snapshot_labels(Path(atlas)))
        self._open.move_to_end(atlas)
        while len(self._open) > SNAPSHOTS:
            self._open.popitem(last=False)
        return self._open[atlas]


class _Labels:
    """The labels of one snapshot; `failure` is why the rest of them cannot be read."""

    def __init__(self, embedder: "Embedder", kept: "VectorFile", labels: list[str]) -> None:
        from ingest.search.meaning import label_vectors

        self.labels = labels
        self.read = 0
        self.failure: str | None = None
        self._vectors: list[Vectors] = []
        self._coming = label_vectors(kept, embedder, labels, AT_ONCE)

    def read_on(self, seconds: float) -> None:
        """Read labels until so many seconds have passed, all are read, or one cannot be read (`failure`)."""
        until = time.monotonic() + seconds
        try:
            for part in self._coming:
                self._vectors.append(part)
                self.read += len(part)
                if time.monotonic() > until:
                    break
        except ModelError as error:  # the generator ends with it
            self.failure = str(error)

    def nearest(self, embedder: "Embedder", text: str, limit: int) -> list[tuple[str, float]]:
        from ingest.search.meaning import nearest_labels

        return nearest_labels(embedder, text, self.labels, self._vectors, limit)


def snapshot_labels(path: Path) -> list[str]:
    """The labels of a snapshot's database, each once; none where it was published before there were any."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'feature_label'").fetchone():
            return []
        return [label for (label,) in database.execute("SELECT DISTINCT label FROM feature_label ORDER BY label")]


if __name__ == "__main__":
    main()
