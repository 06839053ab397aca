"""Which nodes and edges of a graph matter to its targets, as circuit-tracer prunes.

Of what enters a node each edge has the share |weight| / sum of |weight|. The influence of a node is the sum over all
paths from it to the targets, each path the product of its shares, targets weighted: p A + p A^2 + ...

Source: Ameisen et al. 2025, "Circuit tracing", and Hanna et al. 2025, circuit-tracer, `prune_graph`.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

PerNode = Float[np.ndarray, " node"]


@dataclass(frozen=True)
class Edges:
    """Edges between numbered nodes, without a cycle.

    Shapes: source, target, weight (edge,).
    """

    source: Int[np.ndarray, " edge"]
    target: Int[np.ndarray, " edge"]
    weight: Float[np.ndarray, " edge"]

    def __len__(self) -> int:
        return len(self.source)

    def among(self, nodes: Bool[np.ndarray, " node"]) -> Bool[np.ndarray, " edge"]:
        """Which of them join nodes of these."""
        found: Bool[np.ndarray, " edge"] = nodes[self.source] & nodes[self.target]
        return found


@dataclass(frozen=True)
class Pruned:
    """What is left; `cumulative` is the share of influence that a node and all with more of it have together.

    Shapes: influence, cumulative, node (node,); edge (edge,).
    """

    influence: PerNode
    cumulative: PerNode
    node: Bool[np.ndarray, " node"]
    edge: Bool[np.ndarray, " edge"]


@dataclass(frozen=True)
class Roles:
    """What nodes are: the weight of each target, 0 elsewhere; which stay whatever their influence; which need input.

    Shapes: each (node,).
    """

    target_weight: PerNode
    stays: Bool[np.ndarray, " node"]
    needs_input: Bool[np.ndarray, " node"]


def prune_graph(edges: Edges, roles: Roles, node_threshold: float, edge_threshold: float) -> Pruned:
    """Keep the fewest nodes with that share of all influence, then the fewest edges, then no dead ends.

    A dead end is a node that leads nowhere, or a feature that nothing leads to.
    """
    score = node_influence(edges, roles.target_weight)
    node = smallest_set_of_nodes(score, node_threshold) | roles.stays
    edge = edges.among(node)
    edge[edge] = smallest_set_of_nodes(edge_influence(_chosen(edges, edge), roles.target_weight), edge_threshold)
    node, edge = _without_dead_ends(edges, roles, node, edge)
    return Pruned(score, cumulative_share(score), node, edge)


def node_influence(edges: Edges, target_weight: PerNode) -> PerNode:
    """The sum over paths to the targets, of every node."""
    share = _shares(edges, len(target_weight))
    total, reached = np.zeros(len(target_weight)), target_weight
    for _ in range(len(target_weight)):
        reached = np.bincount(edges.source, share * reached[edges.target], minlength=len(total))
        if not reached.any():
            break
        total += reached
    return total


def edge_influence(edges: Edges, target_weight: PerNode) -> Float[np.ndarray, " edge"]:
    """The share that an edge has of what enters its target, times the target's own influence."""
    reached = node_influence(edges, target_weight) + target_weight
    found: Float[np.ndarray, " edge"] = _shares(edges, len(target_weight)) * reached[edges.target]
    return found


def smallest_set_of_nodes(score: Float[np.ndarray, " item"], share: float) -> Bool[np.ndarray, " item"]:
    """The fewest items whose scores have that share of the sum; ties go along, what scores 0 does not."""
    if not score.any():
        return np.zeros(len(score), dtype=bool)
    falling = np.sort(score)[::-1]
    needed = np.searchsorted(np.cumsum(falling), share * falling.sum() * (1 - 1e-12))
    least = falling[min(needed, len(falling) - 1)]
    kept: Bool[np.ndarray, " item"] = (score >= least) & (score > 0)
    return kept


def cumulative_share(score: PerNode) -> PerNode:
    """The share of all scores that an item has together with those before it, the largest first."""
    order = np.argsort(-score, kind="stable")
    found = np.ones(len(score))
    if score.any():
        found[order] = np.minimum(np.cumsum(score[order]) / score.sum(), 1)
    return found


def _shares(edges: Edges, nodes: int) -> Float[np.ndarray, " edge"]:
    size = np.abs(edges.weight)
    entering = np.bincount(edges.target, size, minlength=nodes)[edges.target]
    share: Float[np.ndarray, " edge"] = np.divide(size, entering, out=np.zeros(len(size)), where=entering > 0)
    return share


def _chosen(edges: Edges, which: Bool[np.ndarray, " edge"]) -> Edges:
    return Edges(edges.source[which], edges.target[which], edges.weight[which])


def _without_dead_ends(
    edges: Edges, roles: Roles, node: Bool[np.ndarray, " node"], edge: Bool[np.ndarray, " edge"]
) -> tuple[Bool[np.ndarray, " node"], Bool[np.ndarray, " edge"]]:
    while True:
        leads, entered = np.zeros(len(node), dtype=bool), np.zeros(len(node), dtype=bool)
        leads[edges.source[edge]], entered[edges.target[edge]] = True, True
        alive = node & (roles.stays | (leads & (entered | ~roles.needs_input)))
        if np.array_equal(alive, node):
            return node, edge
        node, edge = alive, edge & edges.among(alive)
