"""A Ray cluster: which one is asked for, what a replica of the model takes of its nodes, begun and ended.

Ray is imported only where it is used: all but `--engine ray` goes without.
"""

import logging
import os
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from schema.errors import AtlasError, ModelError

if TYPE_CHECKING:
    from ingest.models.language_model import LanguageModel
    from ingest.models.sae import SAE


AHEAD = 1_024
"""Batches that lie in the shards at once: some 15 million tokens, whose loading takes longer by far than that of the
model, which each replica loads once for them."""


@dataclass(frozen=True)
class RayCluster:
    """Where to encode with Ray.

    address: of a cluster that runs; None: RAY_ADDRESS, else this machine alone. actors: replicas of the model; None:
    one a GPU, or without GPUs one a node. shards: a folder or an address that all nodes reach; None: beside the atlas.
    ahead: batches that are planned, encoded and loaded before the sources are read on.
    """

    address: str | None = None
    actors: int | None = None
    shards: str | None = None
    ahead: int = AHEAD


class LoadedThere(Protocol):
    """Loads a model and SAEs where it is called; a `Reader` of `ingest.jobs` is one."""

    @property
    def device(self) -> str | None:
        """The device that was asked for."""

    @property
    def runs_on(self) -> str:
        """The device there."""

    @property
    def in_memory(self) -> bool:
        """It has them in memory here, and can load them nowhere else."""

    def load(self) -> "tuple[LanguageModel, Sequence[SAE]]":
        """The model and the SAEs."""


def check_ray(reader: LoadedThere) -> None:
    """Raises AtlasError where Ray is not installed, or a reader cannot be sent to other machines."""
    if find_spec("ray") is None:
        raise AtlasError("ray is not installed, which --engine ray needs: pip install 'feature-atlas[ray]'")
    if reader.in_memory:
        raise ModelError("a model in memory cannot be loaded on other machines; save it to a folder that they reach")


def plan_replicas(asked: int | None, nodes: list[dict[str, Any]], *, gpus: bool) -> tuple[int, dict[str, Any]]:
    """How many replicas there are, and what each takes of its node: a GPU, or a share of the smallest node's CPUs."""
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    if gpus:
        return asked or max(1, int(sum(held.get("GPU", 0) for held in alive))), {"num_gpus": 1, "num_cpus": 0}
    actors = asked or len(alive)
    on_a_node = -(-actors // len(alive))
    return actors, {"num_cpus": max(1, int(min(held.get("CPU", 1) for held in alive)) // on_a_node)}


@contextmanager
def running_ray(address: str | None) -> Iterator[None]:
    """Inside, Ray runs: the one that this process uses already, that address, RAY_ADDRESS, or this machine alone.

    Raises:
        AtlasError: there is no such cluster.
    """
    import ray

    if ray.is_initialized():
        _be_quiet()
        yield
        return
    os.environ |= {name: value for name, value in _QUIET.items() if name not in os.environ}
    asked = address or os.environ.get("RAY_ADDRESS")
    if len(tempfile.gettempdir()) > LONGEST_FOLDER:
        os.environ.setdefault("RAY_TMPDIR", "/tmp")
    more = {} if asked else {"include_dashboard": False}
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with _mute():
            ray.init(address=asked or "local", log_to_driver=False, logging_level=logging.ERROR, **more)
    except Exception as error:  # Ray raises that class itself where a node does not come up
        raise AtlasError(f"Ray cannot be had at {asked or 'this machine'}: {str(error).splitlines()[0]}") from error
    try:
        for number, handler in handlers.items():  # Ray's own would end the process without an orderly rollback
            signal.signal(number, handler)
        _be_quiet()
        yield
    finally:
        ray.shutdown()


LONGEST_FOLDER = 40
"""Characters of the folder of temporary files: sockets lie in it, whose names may have 107."""
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
}
"""No report to Ray's makers, no advice, no bars: how far a run is, this program says itself."""


@contextmanager
def _mute() -> Iterator[None]:
    """Inside, nothing reaches stderr: what Ray's native part prints there would stand between lines of JSON."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _be_quiet() -> None:
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
