"""Graphs: an edge is what a hook at a time gives, what is silent does nothing, and pruning is as it is defined."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.attribution.prompts import Prompt, prompt_of_text
from ingest.circuits.graphs.graph_edges import (
    STEPS,
    Traced,
    graph_edges_by_ablation,
    graph_edges_by_gradient,
    integrated_effects,
)
from ingest.circuits.graphs.graph_nodes import EMBEDDED, Level, node_levels
from ingest.circuits.graphs.graph_pruning import (
    Edges,
    Roles,
    cumulative_share,
    node_influence,
    prune_graph,
    smallest_set_of_nodes,
)
from ingest.circuits.graphs.graph_readouts import FeatureReadout, LogitReadout, tokens_to_trace
from ingest.circuits.graphs.graph_study import Graph, Pruning, Target, trace_graphs
from ingest.circuits.tracer import Tracer
from ingest.encode.windows import Tokenization
from ingest.models.hooked_model import hooked_model
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from schema import SelectionError
from tests.made.tiny_models import loaded, tiny_sae

Pocket = tuple[LanguageModel, list[SAE]]
TEXT = "The nurse gave him some"
TOKEN = 99


def tracer_of(pocket: Pocket) -> Tracer:
    """No atlas is needed where nothing is stored."""
    model, saes = pocket
    return Tracer(model, saes, hooked_model(model), Tokenization(model.tokenizer, 128, prepend_bos=True), [])


@pytest.fixture(scope="module")
def tracer(pocket: Pocket) -> Tracer:
    return tracer_of(pocket)


@pytest.fixture(scope="module")
def prompt(tracer: Tracer) -> Prompt:
    return prompt_of_text(TEXT, tracer.tokenization)


@pytest.fixture(scope="module")
def traced(tracer: Tracer, prompt: Prompt) -> Traced:
    names = {EMBEDDED, *(sae.hook_name for sae in tracer.saes)}
    tokens = tracer.tokens(prompt)[None]
    with torch.no_grad():
        return Traced(tracer.hooked, tokens, tracer.hooked.run(tokens, names).values)


@pytest.fixture(scope="module")
def levels(tracer: Tracer, traced: Traced) -> list[Level]:
    return node_levels(tracer, [0, 1], traced.tokens[0], traced.values)


@pytest.fixture(scope="module")
def to_logits(tracer: Tracer, prompt: Prompt) -> Graph:
    pruning = Pruning(features=10_000)
    return trace_graphs(tracer, Target(len(prompt)), prompt, ["ablation"], pruning)[0]


@torch.no_grad()
def one_hook(tracer: Tracer, tokens: torch.Tensor, level: Level, node: int, read: SAE) -> tuple[torch.Tensor, Any]:
    """By TransformerLens' bridge with a hook: the logits, and what the next SAE makes of its stream, without a node."""

    def take_out(value: torch.Tensor, hook: Any) -> torch.Tensor:
        value = value.clone()
        value[0, int(level.position[node])] -= level.written[node]
        return value

    kept: list[torch.Tensor] = []

    def keep(value: torch.Tensor, hook: Any) -> None:
        kept.append(value[0])

    hooks = [(level.hook_name, take_out), (read.hook_name, keep)]
    logits = tracer.model.bridge.run_with_hooks(tokens, fwd_hooks=hooks)
    return logits[0, -1], read.module.encode(kept[0])


def test_nodes_of_a_position_add_up_to_the_stream_but_for_what_never_varies(
    tracer: Tracer, traced: Traced, levels: list[Level]
) -> None:
    positions = tracer.model.bridge.pos_embed.weight.detach()
    for level in levels:
        rest = tracer.saes[level.sae].b_dec if level.sae is not None else None
        for position in range(1, traced.tokens.shape[1]):
            whole = level.written[level.position == position].sum(0)
            whole = whole + (positions[position] if rest is None else rest)
            torch.testing.assert_close(whole, traced.values[level.hook_name][0, position], atol=1e-3, rtol=1e-4)
        assert level.position.min() == 1  # BOS is no node


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_exact_edge_is_what_one_hook_at_a_time_gives(
    tracer: Tracer, traced: Traced, levels: list[Level], place: int
) -> None:
    level, last = levels[place], tracer.saes[1]
    nodes = np.linspace(0, len(level) - 1, 4).astype(int)
    features = FeatureReadout.of_level(last, levels[2])
    logits = LogitReadout(traced.tokens.shape[1] - 1, np.array([TOKEN, 1234]))
    found = graph_edges_by_ablation(traced, level.some(nodes), [features, logits] if place < 2 else [logits])
    with torch.no_grad():
        before = tracer.model.bridge(traced.tokens)[0, -1]
        acts = last.module.encode(traced.values[last.hook_name][0])
    for row, node in enumerate(nodes):
        after, encoded = one_hook(tracer, traced.tokens, level, node, last)
        moved = (before - before.mean()) - (after - after.mean())
        np.testing.assert_allclose(found[-1][row], moved[[TOKEN, 1234]].numpy(), atol=2e-4)
        if place < 2:
            where = torch.as_tensor(features.position), torch.as_tensor(features.feature)
            np.testing.assert_allclose(found[0][row], (acts - encoded)[where].numpy(), atol=2e-3)


def test_ablating_the_top_feature_changes_the_logits_and_a_silent_one_nothing_at_all(
    tracer: Tracer, traced: Traced, levels: list[Level]
) -> None:
    level = levels[1]
    last = traced.tokens.shape[1] - 1
    readout = LogitReadout(last, np.arange(50))
    features = level.some(np.flatnonzero(level.of_feature & (level.position == last)))
    top = features.some(np.array([int(features.activation.argmax())]))
    assert np.abs(graph_edges_by_ablation(traced, top, [readout])[0]).max() > 0.05
    sae = tracer.saes[0]
    silent = int((sae.encode(traced.values[sae.hook_name][0]).amax(0) == 0).nonzero()[0])
    written = 0 * sae.written_rows[[silent]]
    nothing = Level(sae.hook_name, 0, np.array([last]), np.array([silent]), np.zeros(1), written)
    assert not graph_edges_by_ablation(traced, nothing, [readout])[0].any()


def test_gradients_are_what_taking_out_a_little_gives(traced: Traced, levels: list[Level]) -> None:
    level, readout = levels[2], LogitReadout(traced.tokens.shape[1] - 1, np.array([TOKEN]))
    nodes = np.linspace(0, len(level) - 1, 5).astype(int)
    some = level.some(nodes)
    little = replace(some, written=some.written / 50)
    slopes = 50 * graph_edges_by_ablation(traced, little, [readout])[0]
    np.testing.assert_allclose(graph_edges_by_gradient(traced, some, readout), slopes, atol=5e-3, rtol=0.05)


def test_integrated_effects_add_up_to_what_taking_out_every_node_does(
    tracer: Tracer, traced: Traced, levels: list[Level]
) -> None:
    """The more points, the nearer."""
    level, readout = levels[2], LogitReadout(traced.tokens.shape[1] - 1, np.array([TOKEN]))
    x = traced.values[level.hook_name].clone()
    x[0, 1:] = tracer.saes[1].b_dec
    with torch.no_grad():
        values = {**traced.values, level.hook_name: x}
        empty = readout.of(Traced(traced.hooked, traced.tokens, values).resumed(level.hook_name, 1, [], [readout]))
        clean = readout.of(traced.resumed(level.hook_name, 1, [], [readout]))
    whole = float(clean - empty)
    ten = float(integrated_effects(traced, level, readout).sum())
    hundred = [(step + 0.5) / (10 * STEPS) for step in range(10 * STEPS)]
    assert float(graph_edges_by_gradient(traced, level, readout, hundred).sum()) == pytest.approx(
        whole, rel=0.02, abs=0.05
    )
    assert ten == pytest.approx(whole, rel=0.25, abs=0.5)


def test_what_is_kept_of_a_graph_does_as_well_as_it_says(tracer: Tracer, prompt: Prompt, to_logits: Graph) -> None:
    """With every node kept the target is as it is; with fewer the shares are those of the runs."""
    every = trace_graphs(tracer, Target(len(prompt)), prompt, ["ablation"], Pruning(1.0, 1.0, 10_000))[0]
    assert every.pruned.node.sum() > 0.95 * len(every.nodes)
    assert every.checked.faithfulness(0.01) == pytest.approx(1, abs=0.02)
    assert every.checked.completeness(0.01) == pytest.approx(0, abs=0.2)  # what fires then alone stays
    values = to_logits.checked
    assert values.clean == pytest.approx(every.checked.clean, abs=1e-3)
    assert values.faithfulness(0.01) == (values.circuit - values.empty) / (values.clean - values.empty)
    assert values.faithfulness(1e9) is None


def test_a_graph_joins_one_level_to_the_next_and_no_node_to_what_comes_before_it(to_logits: Graph) -> None:
    nodes = to_logits.nodes
    level = np.searchsorted(nodes.starts, np.arange(len(nodes)), side="right") - 1
    assert set(level[to_logits.edges.target] - level[to_logits.edges.source]) == {1}
    position = np.concatenate([*(each.position for each in nodes.levels), np.full(len(nodes.weight), 10**6)])
    assert (position[to_logits.edges.source] <= position[to_logits.edges.target]).all()
    of_logits = to_logits.edges.target >= nodes.starts[-1]
    fallen = np.bincount(
        to_logits.edges.source[of_logits],
        to_logits.edges.weight[of_logits] * nodes.weight[to_logits.edges.target[of_logits] - nodes.starts[-1]],
        minlength=len(nodes),
    )
    last = slice(nodes.starts[-2], nodes.starts[-1])
    np.testing.assert_allclose(fallen[last], to_logits.effect[last], atol=1e-9)


def test_fewer_features_are_those_that_move_the_target_most(tracer: Tracer, prompt: Prompt, to_logits: Graph) -> None:
    few = trace_graphs(tracer, Target(len(prompt)), prompt, ["gradient"], Pruning(features=40))[0]
    features = sum(int(level.of_feature.sum()) for level in few.nodes.levels)
    whole = sum(int(level.of_feature.sum()) for level in to_logits.nodes.levels)
    assert (features, few.nodes.left_out) == (40, whole - 40)
    assert few.agreement is not None
    chosen = few.effect[: few.nodes.starts[-1]]
    assert np.abs(chosen).mean() > 2 * np.abs(to_logits.effect[: to_logits.nodes.starts[-1]]).mean()


def test_targets_are_the_likeliest_tokens(to_logits: Graph) -> None:
    assert to_logits.nodes.chance is not None
    assert len(to_logits.nodes.chance) <= 10
    token_ids, chances = tokens_to_trace(torch.tensor([0.0, 5.0, 4.0, -9.0]), 10, 0.95)
    assert token_ids.tolist() == [1, 2]
    assert chances == pytest.approx([0.7275, 0.2676], abs=1e-3)
    assert len(tokens_to_trace(torch.zeros(50), 10, 0.95)[0]) == 10


def test_saes_that_make_no_graph_are_refused(tracer: Tracer, prompt: Prompt, pocket: Pocket) -> None:
    model, (earlier, later) = pocket
    beside = loaded(tiny_sae("standard", 256, 8, hook_name=later.hook_name))
    inside = loaded(tiny_sae("standard", 256, 8, hook_name="blocks.1.hook_mlp_out"))
    refused = (
        ([earlier, later], Target(2, 0), "no SAE reads the stream before"),
        ([later, beside, earlier], Target(2), "both read blocks.3.hook_resid_pre"),
        ([later, inside], Target(2), "needs SAEs of the residual stream"),
    )
    for saes, target, line in refused:
        with pytest.raises(SelectionError, match=line):
            trace_graphs(tracer_of((model, saes)), target, prompt, ["ablation"], Pruning())


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Edges, Roles]:
    """Random graphs of up to four levels; sizes differ, so that ties are rare."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    starts = np.concatenate([[0], np.cumsum(sizes)])
    source, target = [], []
    for before, here, after in zip(starts[:-2], starts[1:-1], starts[2:], strict=True):
        pairs = np.array([(a, b) for a in range(before, here) for b in range(here, after)])
        pairs = pairs[rng.random(len(pairs)) < 0.7]
        source.append(pairs[:, 0])
        target.append(pairs[:, 1])
    edges = Edges(np.concatenate(source), np.concatenate(target), rng.normal(size=sum(map(len, source))))
    n, level = starts[-1], np.repeat(np.arange(len(sizes)), sizes)
    weight = np.where(level == len(sizes) - 1, rng.random(n) + 0.1, 0)
    return edges, Roles(weight / weight.sum(), (level == 0) | (level == len(sizes) - 1), rng.random(n) < 0.8)


@settings(deadline=None)
@given(graphs())
def test_influence_is_the_sum_over_all_paths(drawn: tuple[Edges, Roles]) -> None:
    """p A + p A^2 + ... = p ((1 - A)^-1 - 1), A the rows of |weights| divided by their sums."""
    edges, roles = drawn
    n = len(roles.target_weight)
    A = np.zeros((n, n))
    A[edges.target, edges.source] = np.abs(edges.weight)
    total = A.sum(1, keepdims=True)
    A = np.divide(A, total, out=np.zeros_like(A), where=total > 0)
    paths = np.linalg.inv(np.eye(n) - A) - np.eye(n)
    np.testing.assert_allclose(node_influence(edges, roles.target_weight), roles.target_weight @ paths, atol=1e-9)


@settings(deadline=None)
@given(graphs(), st.floats(0.3, 1), st.floats(0.3, 1))
def test_pruning_keeps_the_fewest_and_leaves_no_dead_end(
    drawn: tuple[Edges, Roles], node_share: float, edge_share: float
) -> None:
    edges, roles = drawn
    found = prune_graph(edges, roles, node_share, edge_share)
    score = node_influence(edges, roles.target_weight)
    enough = smallest_set_of_nodes(score, node_share)
    assert score[enough].sum() >= node_share * score.sum() * (1 - 1e-9)
    if enough.any():
        others = enough & (score > score[enough].min())  # ties go along
        assert score[others].sum() < node_share * score.sum() * (1 + 1e-9)
    assert not (found.node & ~enough & ~roles.stays).any()
    assert found.node[roles.stays].all()
    assert (found.node[edges.source] & found.node[edges.target])[found.edge].all()
    for node in np.flatnonzero(found.node & ~roles.stays):
        assert (edges.source[found.edge] == node).any()
        assert not roles.needs_input[node] or (edges.target[found.edge] == node).any()
    order = np.argsort(-score, kind="stable")
    if score.any():
        np.testing.assert_allclose(cumulative_share(score)[order], np.cumsum(score[order]) / score.sum(), atol=1e-12)


def test_a_threshold_of_one_keeps_all_that_has_any_influence() -> None:
    edges = Edges(np.array([0, 1, 2, 2]), np.array([2, 2, 3, 4]), np.array([1.0, -3.0, 2.0, 1.0]))
    weight = np.array([0, 0, 0, 1.0, 0.0])
    roles = Roles(weight, np.array([True, True, False, True, False]), np.array([False, False, True, True, True]))
    found = prune_graph(edges, roles, 1.0, 1.0)
    assert found.influence.tolist() == [0.25, 0.75, 1.0, 0, 0]
    assert found.node.tolist() == [True, True, True, True, False]
    assert found.edge.tolist() == [True, True, True, False]
    assert found.cumulative.tolist() == [1, 0.875, 0.5, 1, 1]
