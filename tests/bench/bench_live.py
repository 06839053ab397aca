"""Two boxes of ten sentences each, asked of `atlas serve --live` over HTTP: the page and its JSON, within a second.

    python -m tests.bench.bench_live [--asked N] [--sentences N]

The atlas is that of the bundled corpora, read by every SAE of the embedded model; each question has other sentences,
so that nothing is remembered. Beside the seconds of an answer stand those of processors, of the server and its model
together, which hold also where a machine has other work.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from statistics import median

import httpx

from atlas.publish import publish
from ingest.jobs.ingest import IngestRequest, ingest
from ingest.jobs.reader import Reader
from ingest.models.names import POCKET, pocket_sae_ids
from ingest.sources import Document, read_documents
from tests.bench.bench_serve import serving

SECONDS = 1.0
"""Asked: of the page, and of its JSON."""
Boxes = tuple[list[str], list[str]]


def main() -> None:
    """Print medians and the longest, each beside what was asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asked", type=int, default=20)
    parser.add_argument("--sentences", type=int, default=10, help="in a box")
    asked = parser.parse_args()
    saes = tuple(f"{POCKET}/{name}" for name in pocket_sae_ids())
    boxes = list(drawn(asked.asked, asked.sentences))
    print(f"{len(saes)} SAEs, 2 x {asked.sentences} sentences; load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        atlas = Path(name) / "atlas.duckdb"
        ingest(IngestRequest(atlas, ("bundled:medical", "bundled:control"), reader=Reader(saes)))
        publish(atlas, Path(name) / "site")
        with serving(Path(name) / "site", "--live") as address, httpx.Client(base_url=address, timeout=60) as client:
            wait_for(client, boxes[0])
            for what in ("/boxes", "/boxes.json"):
                before = processor_seconds()
                taken = [seconds(client, what, each) for each in boxes]
                report(what, taken, (processor_seconds() - before) / len(boxes))


def drawn(times: int, number: int) -> Iterator[Boxes]:
    """Boxes of medical and of other sentences, other ones each time."""
    held = [
        [found.text for found in read_documents(f"bundled:{name}") if isinstance(found, Document)]
        for name in ("medical", "control")
    ]
    random = Random(0)
    for _ in range(times):
        positive, negative = (random.sample(texts, number) for texts in held)
        yield positive, negative


def seconds(client: httpx.Client, address: str, boxes: Boxes) -> float:
    """How long an answer takes, which has features in it."""
    positive, negative = ("\n".join(box) for box in boxes)
    began = time.perf_counter()
    answer = client.get(address, params={"positive": positive, "negative": negative})
    taken = time.perf_counter() - began
    assert answer.status_code == 200 and "auroc" in answer.text.lower(), answer.text[:500]
    return taken


def wait_for(client: httpx.Client, boxes: Boxes) -> None:
    """Until the model is loaded."""
    positive, negative = ("\n".join(box) for box in boxes)
    while (answer := client.get("/boxes.json", params={"positive": positive, "negative": negative})).status_code == 503:
        time.sleep(0.2)
    assert answer.status_code == 200, answer.text[:500]


def processor_seconds() -> float:
    """Seconds of processors that the processes below this one have taken."""
    parents, ticks = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            told = path.read_text().rpartition(")")[2].split()
            parents[int(path.parent.name)] = int(told[1])
            ticks[int(path.parent.name)] = int(told[11]) + int(told[12])
    below = {os.getpid()}
    while more := {number for number, parent in parents.items() if parent in below} - below:
        below |= more
    return sum(ticks[number] for number in below - {os.getpid()}) / os.sysconf("SC_CLK_TCK")


def report(what: str, taken: Sequence[float], processor: float) -> None:
    """Print a line."""
    mark = "" if median(taken) < SECONDS else "  MISSED"
    print(
        f"{what:12} median {median(taken):.3f} s, longest {max(taken):.3f} s; {processor:.3f} s of processors an "
        f"answer  asked: {SECONDS:g} s{mark}"
    )


if __name__ == "__main__":
    main()
