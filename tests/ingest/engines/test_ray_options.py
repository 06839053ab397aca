"""What is asked of Ray, without a cluster: how many replicas on what, and mistakes in one line."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from atlas.cli.main import cli
from ingest.engines.cluster import RayCluster, plan_replicas
from ingest.jobs.ingest import IngestRequest, ingest
from ingest.jobs.reader import Reader
from schema import AtlasError

if TYPE_CHECKING:
    from ingest.models.language_model import LanguageModel
    from ingest.models.sae import SAE


def test_replicas_take_a_gpu_each_or_a_share_of_a_nodes_cpus() -> None:
    nodes = [{"Alive": True, "Resources": {"CPU": 16.0, "GPU": 8.0}}, {"Alive": True, "Resources": {"CPU": 8.0}}]
    gone = [{"Alive": False, "Resources": {}}]
    assert plan_replicas(None, nodes + gone, gpus=True) == (8, {"num_gpus": 1, "num_cpus": 0})
    assert plan_replicas(3, nodes, gpus=True)[0] == 3
    assert plan_replicas(None, nodes + gone, gpus=False) == (2, {"num_cpus": 8})
    assert plan_replicas(4, nodes, gpus=False) == (4, {"num_cpus": 4})
    assert plan_replicas(99, nodes, gpus=False) == (99, {"num_cpus": 1})


def test_options_of_the_cluster_go_with_the_engine(tmp_path: Path) -> None:
    for option in (["--ray-address", "auto"], ["--ray-actors", "2"], ["--ray-shards", "s3://bucket"]):
        with pytest.raises(click.UsageError, match=f"{option[0]} goes with --engine ray"):
            cli.main(["ingest", str(tmp_path / "a.duckdb"), "bundled:medical", *option], standalone_mode=False)


def test_what_cannot_be_sent_to_a_cluster_is_refused_before_anything_is_read(
    tmp_path: Path, pocket: "tuple[LanguageModel, list[SAE]]"
) -> None:
    model, saes = pocket
    words = "model in memory" if find_spec("ray") else r"ray is not installed.*pip install 'feature-atlas\[ray\]'"
    request = IngestRequest(tmp_path / "a.duckdb", ("missing.txt",), reader=Reader.of(model, saes), ray=RayCluster())
    with pytest.raises(AtlasError, match=words):
        ingest(request)
    assert list(tmp_path.iterdir()) == []
