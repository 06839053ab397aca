"""Graphs written for Neuronpedia and circuit-tracer are read back as they are; so are files of theirs."""

import json
from pathlib import Path
from typing import Any

import pytest

from atlas.exchange import Wanted, export
from atlas.exchange.graph_json import graph_file, read_graph
from schema import AtlasError, SelectionError, open_atlas

Row = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tiny: Path) -> Path:
    folder = tiny.parent / "graphs"
    lines = export(tiny, "graphs", folder, Wanted())
    assert len(lines) == 4
    return folder


@pytest.mark.parametrize("key", [0, 3])
def test_a_graph_is_read_back_as_the_atlas_has_it(tiny: Path, folder: Path, key: int) -> None:
    found = read_graph(folder / f"graph-{key}.json")
    with open_atlas(tiny, read_only=True) as atlas:
        nodes = atlas.rows(
            """
            SELECT kind, feature, token_id, n.position, activation, node, effect
            FROM graph_node AS n
            WHERE graph = ?
              AND kept
            ORDER BY node
            """,
            [key],
        )
        edges = atlas.rows("SELECT source, target, weight FROM graph_edge WHERE graph = ? ORDER BY ALL", [key])
        text = atlas.rows("SELECT text FROM graph WHERE graph = ?", [key])[0][0]
    place = {row[5]: number for number, row in enumerate(nodes)}
    assert (found.prompt, found.tokens) == (text, ["<bos>", "Tuberculosis", " causes"])
    assert "".join(found.tokens[1:]) == text
    for read, (kind, feature, token, position, activation, _, effect) in zip(found.nodes, nodes, strict=True):
        number = feature if kind == "feature" else token
        assert (read.kind, read.number, read.position, read.activation) == (kind, number, position, activation)
        assert (read.influence is None) == (effect is None)
    assert sorted(found.links) == [(place[source], place[target], weight) for source, target, weight in edges]
    assert found.ambiguous == 0


def test_what_is_written_has_what_neuronpedia_asks_for(folder: Path) -> None:
    for path in folder.iterdir():
        held = json.loads(path.read_text(encoding="utf-8"))
        assert {"slug", "scan", "prompt_tokens", "prompt"} <= set(held["metadata"])
        assert {"metadata", "qParams", "nodes", "links"} <= set(held)
        ids = [node["node_id"] for node in held["nodes"]]
        assert len(ids) == len(set(ids))
        required = {"node_id", "feature", "layer", "ctx_idx", "feature_type", "jsNodeId", "clerp"}
        assert all(required <= set(node) for node in held["nodes"])
        assert {link[end] for link in held["links"] for end in ("source", "target")} <= set(ids)


def test_an_error_whose_id_is_that_of_a_feature_gets_its_own(tiny_copy: Path) -> None:
    """Of layer 1, position 2: `0_1_2` is also feature 1 of layer 0."""
    with open_atlas(tiny_copy) as atlas:
        atlas.rows("UPDATE graph_node SET kept = true")
        atlas.rows("UPDATE sae SET neuronpedia_id = 'tiny/' || sae || '-res'")
        held = graph_file(atlas, 3)
    ids = {node["node_id"]: node["feature_type"] for node in held["nodes"]}
    assert len(ids) == len(held["nodes"])
    assert ids["0_1_2"] == "cross layer transcoder"
    assert ids["1_error_2"] == "mlp reconstruction error"


def written(folder: Path, nodes: list[Row], links: list[Row]) -> Path:
    path = folder / "graph.json"
    metadata = {"slug": "x", "scan": "m", "prompt_tokens": ["a", "b"], "prompt": "ab"}
    path.write_text(json.dumps({"metadata": metadata, "qParams": {}, "nodes": nodes, "links": links}))
    return path


def node(node_id: str, layer: str, kind: str, feature: int = 7) -> Row:
    return {"node_id": node_id, "layer": layer, "feature_type": kind, "feature": feature, "ctx_idx": 2}


def test_nodes_of_other_writers_are_known_by_their_id_and_type_alone(tmp_path: Path) -> None:
    """The field `feature` is paired in one file and layer x 100,000 + index in another; ids of errors may be taken."""
    nodes = [
        node("0_12_2", "12", "mlp reconstruction error", -1),
        node("0_12_2", "0", "cross layer transcoder", 78 + 12),
        node("12_2082_2", "12", "cross layer transcoder", 1_202_082),
        node("E_17_2", "E", "embedding", 2),
        node("13_99_2", "13", "logit", 99),
    ]
    links = [
        {"source": "0_12_2", "target": "12_2082_2", "weight": 1.5},
        {"source": "E_17_2", "target": "0_12_2", "weight": -2},
        {"source": "12_2082_2", "target": "13_99_2", "weight": 3},
    ]
    found = read_graph(written(tmp_path, nodes, links))
    read = [(each.kind, each.layer, each.number) for each in found.nodes]
    assert read == [
        ("error", 12, None),
        ("feature", 0, 12),
        ("feature", 12, 2082),
        ("token", -1, 17),
        ("logit", 13, 99),
    ]
    assert found.links == [(1, 2, 1.5), (3, 1, -2.0), (2, 4, 3.0)]
    assert found.ambiguous == 1


BAD: tuple[tuple[list[Row], list[Row], str], ...] = (
    ([node("1_2_3_4", "1", "cross layer transcoder")], [], "is of no known type"),
    ([node("1_2_3", "1", "a new kind")], [], "is of no known type"),
    ([], [{"source": "1_2_3", "target": "1_2_3", "weight": 1}], "it has no '1_2_3'"),
    ([{"node_id": "1_2_3"}], [], "it has no 'feature_type'"),
)


@pytest.mark.parametrize(("nodes", "links", "line"), BAD)
def test_what_is_no_graph_is_refused_with_a_line(tmp_path: Path, nodes: list[Row], links: list[Row], line: str) -> None:
    with pytest.raises(AtlasError, match=line) as refused:
        read_graph(written(tmp_path, nodes, links))
    assert "\n" not in str(refused.value)


def test_a_file_that_is_none_is_refused(tmp_path: Path, empty_atlas: Path, tiny_copy: Path) -> None:
    path = tmp_path / "graph.json"
    with pytest.raises(AtlasError, match="cannot be read"):
        read_graph(path)
    for content in (b"\xff", b"[1]", b"{", b"null"):
        path.write_bytes(content)
        with pytest.raises(AtlasError, match="is no attribution graph"):
            read_graph(path)
    with open_atlas(tiny_copy) as atlas:
        for table in ("graph_edge", "graph_node", "graph"):
            atlas.rows(f"DELETE FROM {table}")
    with pytest.raises(SelectionError, match="holds no such graph"):
        export(tiny_copy, "graphs", tmp_path / "out", Wanted())
    assert not (tmp_path / "out").exists()
