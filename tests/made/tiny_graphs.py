"""Planted graphs of the tiny atlas: a few nodes a level, with round weights that can be followed by hand."""

import json
from collections import defaultdict
from typing import Any

import numpy as np

from ingest.circuits.graphs.graph_pruning import Edges, Roles, prune_graph

Row = dict[str, Any]

TO_FEATURE = ((0, "ablation"), (0, "gradient"), (1, "ablation"))
"""Document and method of each graph that leads to FEATURE of the later SAE; a last one leads to two tokens."""
FEATURE, POSITION = 4, 2
EARLIER, LATER = 0, 1
NODES = (
    ("token", 0, None, 1, None, None),
    ("token", 0, None, 2, None, None),
    ("feature", 1, EARLIER, 1, 1, 8.0),
    ("feature", 1, EARLIER, 1, 2, 4.0),
    ("feature", 1, EARLIER, 2, 1, 2.0),
    ("error", 1, EARLIER, 1, None, None),
    ("error", 1, EARLIER, 2, None, None),
    ("feature", 2, LATER, 2, FEATURE, 6.0),
)
"""Kind, level, SAE, position, feature and activation of each node of a graph to the feature, which is the last."""
EDGES = [(0, 2, 4.0), (0, 3, 2.0), (0, 4, 0.5), (1, 4, 1.0)]
EDGES += [(2, 7, 4.0), (3, 7, -1.0), (4, 7, 2.0), (5, 7, 0.5), (6, 7, 0.25)]
FURTHER = (("error", 2, LATER, 2, None, None), ("logit", 3, None, 2, None, None), ("logit", 3, None, 2, None, None))
"""Nodes that follow in a graph to tokens, and their edges: the feature is on the way there."""
FURTHER_EDGES = [(7, 9, 3.0), (8, 9, 1.0), (7, 10, -2.0), (8, 10, 2.0)]
CHANCES = (0.75, 0.25)


def graph_rows(documents: list[Row]) -> dict[str, list[Row]]:
    """Rows of the graphs' tables; a word is a token."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for document, method in TO_FEATURE:
        _add(rows, documents[document], method, NODES, EDGES)
    _add(rows, documents[0], "ablation", (*NODES, *FURTHER), EDGES + FURTHER_EDGES)
    return rows


def _add(rows: dict[str, list[Row]], document: Row, method: str, nodes: Any, edges: Any) -> None:
    key, to_feature = len(rows["graph"]), len(nodes) == len(NODES)
    last = max(level for _, level, *_ in nodes)
    weight = np.zeros(len(nodes))
    weight[-1 if to_feature else -2 :] = 1 if to_feature else CHANCES
    kinds = [kind for kind, *_ in nodes]
    joined = Edges(*(np.array(column) for column in zip(*edges, strict=True)))
    roles = Roles(weight, (weight > 0) | (np.array(kinds) == "token"), np.array(kinds) == "feature")
    pruned = prune_graph(joined, roles, 0.8, 0.98)
    first, *others = document["text"].split(" ")
    words = [first, *(f" {word}" for word in others)][:POSITION]
    for number, (kind, level, sae, position, feature, activation) in enumerate(nodes):
        named = {"token": (position, words[position - 1]), "logit": (number, f" next{number}")}.get(kind, (None, None))
        effects = [value for source, target, value in edges if source == number and target == len(nodes) - 1]
        rows["graph_node"].append(
            {
                "graph": key,
                "node": number,
                "kind": kind,
                "level": level,
                "sae": sae,
                "position": position,
                "feature": feature,
                "token_id": named[0],
                "token": named[1],
                "activation": activation,
                "probability": CHANCES[number - len(nodes) + 2] if kind == "logit" else None,
                "effect": None if level == last else float(sum(effects)),
                "influence": float(pruned.influence[number]),
                "cumulative": float(pruned.cumulative[number]),
                "kept": bool(pruned.node[number]),
            }
        )
    rows["graph_edge"] += [
        {"graph": key, "source": source, "target": target, "weight": value}
        for (source, target, value), kept in zip(edges, pruned.edge, strict=True)
        if kept
    ]
    rows["graph"].append(
        {
            "graph": key,
            "ingest_run": 0,
            "model": 0,
            "method": method,
            "sae": LATER if to_feature else None,
            "feature": FEATURE if to_feature else None,
            "document": document["document"],
            "ordinal": 0,
            "text": "".join(words),
            "tokens": json.dumps(words),
            "first_position": 1,
            "position": POSITION,
            "node_threshold": 0.8,
            "edge_threshold": 0.98,
            "left_out": 0,
            "nodes": len(nodes),
            "edges": len(edges),
            "clean_value": 6.0,
            "circuit_value": 5.0,
            "empty_value": 0.0 if document["document"] == 0 else 6.0,
            "rest_value": 1.5,
            "least_difference": 0.01,
            "faithfulness": 5 / 6 if document["document"] == 0 else None,
            "completeness": 0.25 if document["document"] == 0 else None,
            "agreement": 0.875 if method == "gradient" else None,
            "identity": f"{key:064}",
        }
    )
