"""Graphs as rows: found again by their identity, stored a graph at a time."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.attribution.prompts import Prompt
from ingest.circuits.graphs.graph_edges import Method
from ingest.circuits.graphs.graph_nodes import Level
from ingest.circuits.graphs.graph_study import Graph, Pruning, Target
from ingest.circuits.tracer import Tracer
from ingest.models.spelling import token_text
from schema import tables
from schema.methods import method_revision
from schema.store import Atlas

Row = dict[str, Any]


def graph_identity(tracer: Tracer, target: Target, prompt: Prompt, method: Method, pruning: Pruning) -> str:
    """A hash of all that a graph depends on."""
    place = [prompt.document, prompt.ordinal, prompt.token_ids.tolist()]
    parts = [method_revision("graph"), tracer.identity, astuple(target), place, method, astuple(pruning)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def stored_graphs(atlas: Atlas, identities: Iterable[str]) -> dict[str, int]:
    """The graphs among these that the atlas holds: identity -> key."""
    sql = "SELECT identity, graph FROM graph WHERE identity IN (SELECT UNNEST($1)) ORDER BY graph"
    return dict(atlas.rows(sql, [list(identities)]))


def store_graph(
    atlas: Atlas,
    tracer: Tracer,
    asked: tuple[str, Prompt, Pruning, float],
    found: Graph,
    run: int,
) -> int:
    """Append what was found of an identity and a prompt; to be called inside a transaction. Its key.

    The last of what was asked is the difference of values below which shares are not told.
    """
    identity, prompt, pruning, least = asked
    key = atlas.next_key(tables.graph)
    row = {"graph": key, "ingest_run": run, "identity": identity, "least_difference": least}
    row |= _of_prompt(tracer, prompt, found.target) | _of_graph(found, pruning, least)
    atlas.append(tables.graph, pa.Table.from_pylist([row]))
    atlas.append(tables.graph_node, pa.Table.from_pylist([{"graph": key, **node} for node in _nodes(tracer, found)]))
    kept = found.pruned.edge
    if kept.any():
        columns = {"source": found.edges.source, "target": found.edges.target, "weight": found.edges.weight}
        edges = pa.table({name: values[kept] for name, values in columns.items()})
        atlas.append(tables.graph_edge, edges.append_column("graph", pa.array(np.full(len(edges), key, np.int32))))
    return key


def _of_prompt(tracer: Tracer, prompt: Prompt, target: Target) -> Row:
    first = tracer.tokenization.first_position
    return {
        "model": tracer.keys[0].model,
        "sae": None if target.feature is None else tracer.keys[0].sae,
        "feature": target.feature,
        "document": prompt.document,
        "ordinal": prompt.ordinal,
        "text": prompt.text,
        "tokens": json.dumps([token_text(tracer.model, i) for i in prompt.token_ids.tolist()], ensure_ascii=False),
        "first_position": first,
        "position": target.position,
    }


def _of_graph(found: Graph, pruning: Pruning, least: float) -> Row:
    values = found.checked
    return {
        "method": found.method,
        "node_threshold": pruning.nodes,
        "edge_threshold": pruning.edges,
        "left_out": found.nodes.left_out,
        "nodes": len(found.nodes),
        "edges": len(found.edges),
        "clean_value": values.clean,
        "circuit_value": values.circuit,
        "empty_value": values.empty,
        "rest_value": values.rest,
        "faithfulness": values.faithfulness(least),
        "completeness": values.completeness(least),
        "agreement": found.agreement,
    }


NOTHING = dict.fromkeys(("sae", "feature", "token_id", "token", "activation", "probability", "effect"))


def _nodes(tracer: Tracer, found: Graph) -> Iterator[Row]:
    """Every node with what pruning says of it."""
    pruned, nodes = found.pruned, found.nodes
    rows = [row for number, level in enumerate(nodes.levels) for row in _of_level(tracer, found, number, level)]
    rows += _targets(tracer, found)
    for number, row in enumerate(rows):
        effect = {"effect": float(found.effect[number])} if number < nodes.starts[-1] else {}
        yield {
            **NOTHING,
            **row,
            **effect,
            "node": number,
            "influence": float(pruned.influence[number]),
            "cumulative": float(pruned.cumulative[number]),
            "kept": bool(pruned.node[number]),
        }


def _of_level(tracer: Tracer, found: Graph, number: int, level: Level) -> Iterator[Row]:
    columns = (level.position.tolist(), level.feature.tolist(), level.activation.tolist(), level.of_feature.tolist())
    sae = None if level.sae is None else tracer.keys[level.sae].sae
    for position, feature, activation, of_feature in zip(*columns, strict=True):
        place: Row = {"level": number, "position": position, "sae": sae}
        if of_feature:
            yield place | {"kind": "feature", "feature": feature, "activation": activation}
        elif sae is None:
            yield place | {"kind": "token", **_token(tracer, found.tokens[position])}
        else:
            yield place | {"kind": "error"}


def _targets(tracer: Tracer, found: Graph) -> Iterator[Row]:
    nodes, target = found.nodes, found.target
    place: Row = {"level": len(nodes.levels), "position": target.position}
    if nodes.token_ids is None or nodes.chance is None:
        value = {"feature": target.feature, "activation": found.checked.clean, "sae": tracer.keys[0].sae}
        yield place | {"kind": "feature", **value}
        return
    for token_id, chance in zip(nodes.token_ids.tolist(), nodes.chance.tolist(), strict=True):
        yield place | {"kind": "logit", "probability": chance, **_token(tracer, token_id)}


def _token(tracer: Tracer, token_id: int) -> Row:
    return {"token_id": token_id, "token": token_text(tracer.model, token_id)}
