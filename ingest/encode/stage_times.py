"""How long each stage of an ingest takes: what `atlas ingest --profile` shows."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

STAGES = ("register", "read", "tokenize", "model", "encode", "write", "sums")
"""register: an SAE is entered, with its logit weights, once; read: documents out of their sources, and what the atlas
knows of them; encode: the SAEs, to sparse rows."""


class Stages:
    """Seconds by stage; a stage inside another does not count twice.

    On CUDA, work goes on while its stage is over: it counts where its result is waited for.
    """

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self._entered: list[str] = []
        self._since = time.perf_counter()

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """What happens inside is of that stage, and of no other."""
        self._count()
        self._entered.append(stage)
        try:
            yield
        finally:
            self._count()
            self._entered.pop()

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds of each stage so far."""
        return dict(self._seconds)

    def _count(self) -> None:
        now = time.perf_counter()
        if self._entered:
            self._seconds[self._entered[-1]] += now - self._since
        self._since = now
