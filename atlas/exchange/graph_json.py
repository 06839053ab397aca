"""Attribution graphs as Neuronpedia and circuit-tracer read them: FOLDER/SLUG.json, one a graph; and read back.

What a node is, its `feature_type` says, and which one it is, its `node_id`: LAYER_FEATURE_POSITION of a feature,
0_LAYER_POSITION of an error, E_TOKEN_POSITION of an embedding, LAYER_TOKEN_POSITION of a logit. So the id of an error
of layer 1 is also that of feature 1 of layer 0; where that happens, the error written here has an id of its own. The
field `feature` cannot be read: some writers pair layer and index as Cantor did, others write 100,000 x layer + index.

Source: github.com/decoderesearch/circuit-tracer, `Node`; Neuronpedia's api/graph, graph-schema.json.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from atlas.exchange import Wanted
from atlas.exchange.published import Published, published_sae
from ingest.jobs.progress import Progress, Report
from schema.errors import AtlasError, SelectionError
from schema.store import Atlas

Row = dict[str, Any]

FEATURE, ERROR, EMBEDDING, LOGIT = "cross layer transcoder", "mlp reconstruction error", "embedding", "logit"
TYPES = {"feature": FEATURE, "error": ERROR, "token": EMBEDDING, "logit": LOGIT}
"""Viewers know a feature by this name, whatever it is of."""
KINDS = {"lorsa": "feature", **{name: kind for kind, name in TYPES.items()}}
BOS = "<bos>"
LARGEST_FILE = 500_000_000


def write(atlas: Atlas, folder: Path, wanted: Wanted, report: Report) -> list[str]:
    """Write every graph, or those that lead to a feature of the SAEs that are wanted; a line for each.

    Raises:
        SelectionError: there is none.
    """
    keys = wanted.keys(atlas)
    chosen = "WHERE list_contains($1, sae)" if wanted.saes else "WHERE $1 IS NOT NULL"
    graphs = [int(key) for (key,) in atlas.rows(f"SELECT graph FROM graph {chosen} ORDER BY graph", [keys])]
    if not graphs:
        raise SelectionError(f"{atlas.path} holds no such graph; trace one: atlas circuit graph {atlas.path} ...")
    lines = []
    for done, key in enumerate(graphs, start=1):
        found = graph_file(atlas, key)
        name = f"{found['metadata']['slug']}.json"
        (folder / name).write_text(json.dumps(found, ensure_ascii=False, allow_nan=False), encoding="utf-8")
        lines.append(f"{name}: {len(found['nodes']):,} nodes, {len(found['links']):,} links")
        report(Progress("graphs", done, len(graphs), "graphs"))
    return lines


def graph_file(atlas: Atlas, key: int) -> Row:
    """What is left of a graph, as a file holds it."""
    (graph,) = _rows(atlas, "SELECT g.*, m.name AS model_name FROM graph AS g JOIN model AS m USING (model)", key)
    nodes = _rows(atlas, "SELECT * FROM graph_node AS g", key, "AND kept ORDER BY node")
    edges = _rows(atlas, "SELECT * FROM graph_edge AS g", key, "ORDER BY source, target")
    saes = {row["sae"]: published_sae(atlas, row["sae"]) for row in nodes if row["sae"] is not None}
    layers = _layers(nodes, saes)
    ids = _ids(nodes, layers)
    return {
        "metadata": _metadata(graph, saes, layers),
        "qParams": {"linkType": "both", "pinnedIds": [], "clickedId": "", "supernodes": [], "sg_pos": ""},
        "nodes": [_node(row, ids[row["node"]], layers) for row in nodes],
        "links": [
            {"source": ids[row["source"]], "target": ids[row["target"]], "weight": row["weight"]} for row in edges
        ],
    }


def _rows(atlas: Atlas, select: str, key: int, further: str = "") -> list[Row]:
    found: list[Row] = atlas.arrow(f"{select} WHERE g.graph = $graph {further}", {"graph": key}).to_pylist()
    return found


def _layers(nodes: list[Row], saes: Mapping[int, Published]) -> dict[int, int]:
    """The layer of each level: that of its SAE at Neuronpedia, or where two have one, its place; logits are last."""
    of_level = {row["level"]: saes[row["sae"]].layer for row in nodes if row["sae"] is not None}
    if len(set(of_level.values())) < len(of_level):
        of_level = {level: level for level in of_level}
    last = max(row["level"] for row in nodes)
    return {last: max(of_level.values(), default=0) + 1, **of_level}


def _ids(nodes: list[Row], layers: Mapping[int, int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for row in sorted(nodes, key=lambda row: row["kind"] == "error"):
        layer, position = layers.get(row["level"], "E"), row["position"]
        if row["kind"] == "error":
            own = f"0_{layer}_{position}"
            found[row["node"]] = f"{layer}_error_{position}" if own in found.values() else own
        else:
            number = row["feature"] if row["kind"] == "feature" else row["token_id"]
            found[row["node"]] = f"{layer}_{number}_{position}"
    return found


def _node(row: Row, node_id: str, layers: Mapping[int, int]) -> Row:
    kind, layer, target = row["kind"], layers.get(row["level"], "E"), row["kind"] == "logit"
    number = {"feature": row["feature"], "error": -1, "token": row["position"], "logit": row["token_id"]}[kind]
    named = {"logit": f'Output "{row["token"]}" (p={row["probability"] or 0:.3f})', "token": f'Emb: "{row["token"]}"'}
    return {
        "node_id": node_id,
        "feature": _cantor(int(layer), number) if kind == "feature" else number,
        "layer": str(layer),
        "ctx_idx": row["position"],
        "feature_type": TYPES[kind],
        "token_prob": row["probability"] or 0.0,
        "is_target_logit": target,
        "run_idx": 0,
        "reverse_ctx_idx": 0,
        "jsNodeId": f"{'L' if target else layer}_{row['token_id'] if target else number}-{row['position']}",
        "clerp": named.get(kind, ""),
        "influence": None if row["effect"] is None else row["cumulative"],
        "activation": row["activation"],
    }


def _cantor(layer: int, feature: int) -> int:
    """Both numbers as one, as circuit-tracer pairs them."""
    return (layer + feature) * (layer + feature + 1) // 2 + feature


def _metadata(graph: Row, saes: Mapping[int, Published], layers: Mapping[int, int]) -> Row:
    models = {own.model for own in saes.values()}
    sets = {own.set_name for own in saes.values()}
    tokens = [BOS] * graph["first_position"] + json.loads(graph["tokens"])
    shared = {"feature_details": {"neuronpedia_source_set": sets.pop()}} if len(sets) == 1 else {}
    return {
        "slug": f"graph-{graph['graph']}",
        "scan": models.pop() if len(models) == 1 else graph["model_name"],
        "prompt_tokens": tokens,
        "prompt": graph["text"],
        "node_threshold": graph["node_threshold"],
        **shared,
        "info": {
            "description": f"Effects by {graph['method']} between {', '.join(own.label for own in saes.values())}",
            "generator": {"name": "feature-atlas", "version": version("feature-atlas")},
        },
        "generation_settings": {"max_n_logits": 10, "desired_logit_prob": 0.95},
        "pruning_settings": {"node_threshold": graph["node_threshold"], "edge_threshold": graph["edge_threshold"]},
        "faithfulness": graph["faithfulness"],
        "completeness": graph["completeness"],
    }


@dataclass(frozen=True)
class ReadNode:
    """A node of a file. `number` is a feature's index, or a token's id; None for an error. Layer -1: embeddings."""

    kind: str
    layer: int
    number: int | None
    position: int
    activation: float | None
    influence: float | None


@dataclass(frozen=True)
class ReadGraph:
    """A graph out of a file; links join nodes by their place among these.

    `ambiguous` are links from an id that an error and a feature have both: they are taken for the feature's.
    """

    prompt: str
    tokens: list[str]
    nodes: list[ReadNode]
    links: list[tuple[int, int, float]]
    ambiguous: int


def read_graph(path: Path) -> ReadGraph:
    """What circuit-tracer, Neuronpedia or this package has written.

    Raises:
        AtlasError: the file cannot be read, or is no attribution graph; says where.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise AtlasError(f"{path} is larger than any attribution graph: over {LARGEST_FILE // 10**6} MB")
        held = json.loads(path.read_text(encoding="utf-8"))
        nodes = [_read_node(row) for row in held["nodes"]]
        places = _places(held["nodes"], nodes)
        links = list(_read_links(held["links"], places))
        metadata = held["metadata"]
        tokens = [str(token) for token in metadata["prompt_tokens"]]
        shared = sum(len(places[row["source"]]) > 1 for row in held["links"])
        return ReadGraph(str(metadata["prompt"]), tokens, nodes, links, shared)
    except OSError as error:
        raise AtlasError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else str(error)[:120].replace("\n", " ")
        raise AtlasError(f"{path} is no attribution graph as Neuronpedia reads them: {what}") from error


def _read_node(row: Row) -> ReadNode:
    kind, parts = KINDS.get(row["feature_type"]), str(row["node_id"]).split("_")
    if kind is None or len(parts) != 3:
        raise ValueError(f"node {row['node_id']!r} is of no known type: {row['feature_type']!r}")
    layer, number = (str(row["layer"]), None) if kind == "error" else (parts[0], int(parts[1]))
    activation, influence = (
        None if row.get(name) is None else float(row[name]) for name in ("activation", "influence")
    )
    return ReadNode(kind, -1 if layer == "E" else int(layer), number, int(row["ctx_idx"]), activation, influence)


def _places(rows: list[Row], nodes: list[ReadNode]) -> dict[str, list[int]]:
    """Where each id stands; features before errors that have the same."""
    found: dict[str, list[int]] = {}
    for place in sorted(range(len(rows)), key=lambda place: nodes[place].kind == "error"):
        found.setdefault(str(rows[place]["node_id"]), []).append(place)
    return found


def _read_links(links: list[Row], places: Mapping[str, list[int]]) -> Iterator[tuple[int, int, float]]:
    for row in links:
        yield places[row["source"]][0], places[row["target"]][0], float(row["weight"])
