"""The Ray engine: batches encoded by replicas of the model, which may be on many machines.

    this process                        a replica, an actor with the model and its SAEs
    plans some batches, writes their
    documents to the shards         ->  reads a batch's documents, encodes them,
    loads the batches in order      <-  writes what they are encoded to
    plans the next

Ray Data hands out names of batches, and starts again what was lost with a worker or a node; what a replica finds
encoded it does not encode again. Nothing but this process touches the atlas, and a batch's files go when it is loaded.
"""

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.encode.batch import BatchEncoder
from ingest.engines import Planned, encode_plan
from ingest.engines.cluster import LoadedThere, RayCluster, plan_replicas, running_ray
from ingest.engines.shards import (
    DOCUMENTS,
    ENCODED,
    Shards,
    batch_name,
    documents_table,
    encoded_of,
    encoded_table,
    plan_of_shard,
)
from ingest.rows.batches import Plan
from ingest.rows.sae_keys import sae_name_with_hash
from schema.errors import AtlasError, ModelError

if TYPE_CHECKING:
    from ingest.models.language_model import LanguageModel
    from ingest.models.sae import SAE

Told = Callable[[str, int, int | None], None]
"""Is told a stage, and how many batches of how many are through it."""


def ray_shards_read_by(model: "LanguageModel", saes: "Iterable[SAE]") -> str:
    """What decides what a text is encoded to: the SAEs and their model, by their hashes."""
    return " ".join(sae_name_with_hash(model, sae, 64) for sae in saes)


class Replica:
    """An actor: the model and its SAEs on one device. What goes wrong is in its answers, in a line."""

    def __init__(self, reader: LoadedThere, expected: str, shards: Shards) -> None:
        self.shards = shards
        self.failure = ""
        try:
            self._load(reader, expected)
        except (AtlasError, OSError, ImportError) as error:
            self.failure = _line(error)

    def _load(self, reader: LoadedThere, expected: str) -> None:
        import torch

        torch.set_num_threads(max(1, int(os.environ.get("OMP_NUM_THREADS", "1"))))
        model, saes = reader.load()
        if ray_shards_read_by(model, saes) != expected:
            raise ModelError(f"its {model.name} or SAEs are not those of this machine; copy them there")
        self.encoder = BatchEncoder.of(model, saes, reader.runs_on)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Encode the batches of these names; each with what went wrong, or ''."""
        answers = [self.failure or self._encode(str(name)) for name in batch["name"]]
        return {"name": batch["name"], "failure": np.asarray(answers, dtype=object)}

    def _encode(self, name: str) -> str:
        try:
            if not self.shards.holds(ENCODED, name):
                encoded = encode_plan(self.encoder, plan_of_shard(self.shards.read(DOCUMENTS, name)))
                assert encoded is not None
                self.shards.write(ENCODED, name, encoded_table(encoded))
        except FileNotFoundError as error:
            return f"{_line(error)}; give --ray-shards a folder or an address that every node reaches"
        except (AtlasError, OSError) as error:
            return _line(error)
        return ""


def _line(error: Exception) -> str:
    return f"{socket.gethostname()}: {' '.join(str(error).split())}"


@dataclass(frozen=True)
class RayEngine:
    """Asks for some plans at once; those whose documents are known already are given back at once, the others in order.

    `expected` is what the model and SAEs are to be that the reader loads elsewhere.
    """

    cluster: RayCluster
    shards: Shards
    reader: LoadedThere
    expected: str
    told: Told

    def encode(self, plans: Iterable[Plan]) -> Iterator[Planned]:
        """Each plan with what came of it.

        Raises:
            ModelError: a document cannot be encoded, or a machine has no such model.
            AtlasError: the cluster cannot be reached, or breaks off; what is loaded stays, what is encoded too.
        """
        with ExitStack() as cluster:
            names: list[str] = []
            encoded = 0
            for plan in plans:
                if not plan.todo:
                    yield plan, None
                    continue
                names.append(self._sent(plan))
                self.told("planning", encoded + len(names), None)
                if len(names) == self.cluster.ahead:
                    yield from self._through(names, encoded, cluster)
                    encoded, names = encoded + len(names), []
            yield from self._through(names, encoded, cluster)
        self.shards.clear()

    def _through(self, names: list[str], before: int, cluster: ExitStack) -> Iterator[Planned]:
        """Have these batches encoded; each in order as soon as it and those before it are, and then its files go."""
        waiting = iter(names)
        due = next(waiting, None)
        arrived: set[str] = set()
        for name in self._encoded(names, cluster):
            arrived.add(name)
            self.told("encoding", before + len(arrived), before + len(names))
            while due in arrived:
                yield self._loaded(due)
                self.shards.remove(due)
                due = next(waiting, None)

    def _sent(self, plan: Plan) -> str:
        """The name of a batch, its documents written for whoever encodes it."""
        name = batch_name(plan, self.expected)
        self.shards.write(DOCUMENTS, name, documents_table(plan))
        return name

    def _loaded(self, name: str) -> Planned:
        plan = plan_of_shard(self.shards.read(DOCUMENTS, name))
        return plan, encoded_of(self.shards.read(ENCODED, name), len(plan.wanted))

    def _encoded(self, names: list[str], cluster: ExitStack) -> Iterator[str]:
        """The names of batches as they are encoded; first those that a run before this one has left.

        The cluster is begun when the first is asked of it, and goes on until the run ends.
        """
        asked = []
        for name in names:
            if self.shards.holds(ENCODED, name):
                yield name
            else:
                asked.append(name)
        if asked:
            cluster.enter_context(running_ray(self.cluster.address))
            yield from self._by_replicas(asked)

    def _by_replicas(self, names: list[str]) -> Iterator[str]:
        import ray.data

        gpus = self.reader.device != "cpu" and ray.cluster_resources().get("GPU", 0) >= 1
        actors, each = plan_replicas(self.cluster.actors, ray.nodes(), gpus=gpus)
        pool = ray.data.ActorPoolStrategy(min_size=1, max_size=actors, initial_size=actors)
        found = ray.data.from_items([{"name": name} for name in names], override_num_blocks=len(names)).map_batches(
            Replica,
            fn_constructor_args=(self.reader, self.expected, self.shards),
            batch_size=1,
            compute=pool,
            **each,
        )
        try:
            for row in found.iter_rows():
                if row["failure"]:
                    raise ModelError(str(row["failure"]))
                yield row["name"]
        except ray.exceptions.RayError as error:
            cause = str(error).strip().splitlines()[-1]
            raise AtlasError(f"the Ray cluster broke off: {cause}; the same command goes on from there") from error
