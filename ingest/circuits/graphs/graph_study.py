"""The graph of a prompt: its nodes, its edges by each method asked for, what is left of it, and how well that does."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int

from ingest.attribution.prompts import Prompt
from ingest.circuits.graphs.graph_check import Checked, check_graph
from ingest.circuits.graphs.graph_edges import (
    Effects,
    Method,
    Traced,
    graph_edges_by_ablation,
    graph_edges_by_gradient,
    integrated_effects,
)
from ingest.circuits.graphs.graph_nodes import EMBEDDED, Level, node_levels, saes_on_the_way, strongest_graph_nodes
from ingest.circuits.graphs.graph_pruning import Edges, Pruned, Roles, prune_graph
from ingest.circuits.graphs.graph_readouts import FeatureReadout, LogitReadout, Readout, tokens_to_trace
from ingest.circuits.patching.gradients import rank_correlation
from ingest.circuits.tracer import Tracer
from ingest.models.hook_points import RESID_PRE, hook_at, hook_layer

MOST_LOGITS, LOGIT_SHARE = 10, 0.95
BY_GRADIENT = {"gradient": graph_edges_by_gradient, "integrated": integrated_effects}


@dataclass(frozen=True)
class Target:
    """What a graph leads to: a feature of the tracer's first SAE, else the next tokens; BOS is position 0."""

    position: int
    feature: int | None = None
    token_id: int | None = None


@dataclass(frozen=True)
class Pruning:
    """What is kept: the share of influence that nodes and edges have, and how many features are nodes at most."""

    nodes: float = 0.8
    edges: float = 0.98
    features: int = 5000


PRUNING = Pruning()
"""As circuit-tracer has it."""


@dataclass(frozen=True)
class Nodes:
    """Levels, then targets, numbered in that order; `chance` is the probability of each target that is a token.

    Shapes: weight (target,), of sum 1; token_ids, chance (target,).
    """

    levels: list[Level]
    readouts: list[Readout]
    weight: Float[np.ndarray, " target"]
    token_ids: Int[np.ndarray, " target"] | None
    chance: Float[np.ndarray, " target"] | None
    left_out: int

    def __len__(self) -> int:
        return self.starts[-1] + len(self.weight)

    @cached_property
    def starts(self) -> list[int]:
        """The number of each level's first node, and of the first target."""
        return [0, *np.cumsum([len(level) for level in self.levels]).tolist()]

    @property
    def roles(self) -> Roles:
        """Tokens and targets stay; features need what leads to them, errors and tokens come from nowhere."""
        of_feature = [*(level.of_feature for level in self.levels), np.ones(len(self.weight), bool)]
        weight = np.concatenate([np.zeros(self.starts[-1]), self.weight])
        stays = weight > 0
        stays[: self.starts[1]] = True
        return Roles(weight, stays, np.concatenate(of_feature))

    def edges(self, effects: Sequence[Effects]) -> Edges:
        """What nodes of each level do to what is read of the next, but for nothing."""
        parts = []
        for number, effect in enumerate(effects):
            source, read = effect.nonzero()
            parts.append((source + self.starts[number], self._read(number)[read], effect[source, read]))
        return Edges(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _read(self, number: int) -> Int[np.ndarray, " read"]:
        """The numbers of the nodes that a level's readout reads."""
        start = self.starts[number + 1]
        if number + 1 == len(self.levels):
            return np.arange(start, len(self))
        return start + np.flatnonzero(self.levels[number + 1].of_feature)


@dataclass(frozen=True)
class Graph:
    """A graph by one method; `agreement` is the rank correlation of its edges with those of exact ablation.

    Shapes: tokens (position,); effect (node,), how far the targets' weighted mean falls without a node, exactly; 0 for
    targets.
    """

    method: Method
    target: Target
    tokens: list[int]
    nodes: Nodes
    effect: Float[np.ndarray, " node"]
    edges: Edges
    pruned: Pruned
    checked: Checked
    agreement: float | None


def trace_graphs(
    tracer: Tracer, target: Target, prompt: Prompt, methods: Sequence[Method], pruning: Pruning
) -> list[Graph]:
    """The graphs of a prompt as far as the target's position; exact effects are computed whatever the method.

    Raises:
        SelectionError: the SAEs make no graph, or none is before the target's.
    """
    places = saes_on_the_way(tracer, None if target.feature is None else tracer.sae)
    traced = _traced(tracer, places, tracer.tokens(prompt)[: target.position + 1])
    nodes = _nodes(tracer, places, traced, target, pruning.features)
    exact, effect = _exact(traced, nodes)
    found = []
    for method in methods:
        effects = exact if method == "ablation" else _by_gradient(method, traced, nodes)
        edges = nodes.edges(effects)
        pruned = prune_graph(edges, nodes.roles, pruning.nodes, pruning.edges)
        agreement = None if method == "ablation" else _agreement(effects, exact)
        values = _checked(tracer, traced, nodes, pruned)
        found.append(Graph(method, target, traced.tokens[0].tolist(), nodes, effect, edges, pruned, values, agreement))
    return found


@torch.no_grad()
def _traced(tracer: Tracer, places: Sequence[int], tokens: Int[torch.Tensor, " position"]) -> Traced:
    """The prompt run, with the stream at every level, and before the block that each is taken up at."""
    names = {EMBEDDED, *(tracer.saes[place].hook_name for place in places)}
    names |= {hook_at(hook_layer(name), RESID_PRE) for name in names}
    return Traced(tracer.hooked, tokens[None], tracer.hooked.run(tokens[None], names).values)


def _nodes(tracer: Tracer, places: Sequence[int], traced: Traced, target: Target, most: int) -> Nodes:
    own, weight, chance = _target(tracer, traced, target)
    levels = node_levels(tracer, places, traced.tokens[0], traced.values)
    left_out = 0
    if sum(int(level.of_feature.sum()) for level in levels) > most:
        levels, left_out = strongest_graph_nodes(levels, _gradients(traced, own, weight, levels), most)
    readouts: list[Readout] = [FeatureReadout.of_level(tracer.saes[level.sae or 0], level) for level in levels[1:]]
    token_ids = own.token_ids if isinstance(own, LogitReadout) else None
    return Nodes(levels, [*readouts, own], weight, token_ids, chance, left_out)


def _target(
    tracer: Tracer, traced: Traced, target: Target
) -> tuple[Readout, Float[np.ndarray, " target"], Float[np.ndarray, " target"] | None]:
    """What is read at the end, its weights, and its probabilities where it is tokens."""
    if target.feature is not None:
        place = np.array([target.position]), np.array([target.feature])
        return FeatureReadout(tracer.sae, *place), np.ones(1), None
    with torch.no_grad():
        logits = tracer.hooked.run(traced.tokens, logits=True).next_logits[0]
    token_ids, chance = tokens_to_trace(logits, MOST_LOGITS, LOGIT_SHARE)
    if target.token_id is not None:
        token_ids, chance = np.array([target.token_id]), logits.double().softmax(0)[[target.token_id]].cpu().numpy()
    return LogitReadout(target.position, token_ids), chance / chance.sum(), chance


def _gradients(
    traced: Traced, readout: Readout, weight: Float[np.ndarray, " target"], levels: Sequence[Level]
) -> dict[str, torch.Tensor]:
    """The gradient of the targets by the stream at every level."""
    names = [level.hook_name for level in levels]
    run = traced.hooked.run(traced.tokens, {*names, *readout.hook_names}, logits=not readout.hook_names, grad=True)
    read = (readout.of(run)[0].double() * torch.as_tensor(weight, device=traced.tokens.device)).sum()
    found = torch.autograd.grad(read, [run.values[name] for name in names], materialize_grads=True)
    return {name: gradient[0] for name, gradient in zip(names, found, strict=True)}


def _exact(traced: Traced, nodes: Nodes) -> tuple[list[Effects], Float[np.ndarray, " node"]]:
    """The exact effects of each level on the next, and of each node on the targets."""
    effects, on_target, own = [], [], nodes.readouts[-1]
    for level, readout in zip(nodes.levels, nodes.readouts, strict=True):
        found = graph_edges_by_ablation(traced, level, [readout] if readout is own else [readout, own])
        effects.append(found[0])
        on_target.append(found[-1] @ nodes.weight)
    return effects, np.concatenate([*on_target, np.zeros(len(nodes.weight))])


def _by_gradient(method: Method, traced: Traced, nodes: Nodes) -> list[Effects]:
    pairs = zip(nodes.levels, nodes.readouts, strict=True)
    return [BY_GRADIENT[method](traced, level, readout) for level, readout in pairs]


def _agreement(effects: Sequence[Effects], exact: Sequence[Effects]) -> float | None:
    """Over the edges that either has."""
    ours, theirs = (np.concatenate([part.ravel() for part in each]) for each in (effects, exact))
    either = (ours != 0) | (theirs != 0)
    return rank_correlation(ours[either], theirs[either])


def _checked(tracer: Tracer, traced: Traced, nodes: Nodes, pruned: Pruned) -> Checked:
    kept = np.split(pruned.node, nodes.starts[1:])
    levels = [
        (tracer.saes[level.sae], level, own)
        for level, own in zip(nodes.levels, kept, strict=False)
        if level.sae is not None
    ]
    return check_graph(traced, levels, nodes.readouts[-1], nodes.weight, tracer.tokenization.first_position)
