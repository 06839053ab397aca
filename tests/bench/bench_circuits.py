"""Patching every site of a pair, and taking out every node of a graph, against one hooked pass each.

    python -m tests.bench.bench_circuits [--hooked N]

Patching is measured on a model of GPT-2 small's shape with random weights, 12-token prompts that differ from the first
token on; a graph on the embedded model with its three SAEs, to the next token; all in one process. The hooked passes
are timed on N sites or nodes drawn evenly. Also how long a graph of 5,000 nodes takes to draw.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from atlas.site.pages.charts.canvas import LIGHT, Style
from atlas.site.pages.graph.node_link import TALL, draw
from ingest.attribution.prompts import prompt_of_text
from ingest.circuits.graphs.graph_study import PRUNING, Graph, Target, trace_graphs
from ingest.circuits.patching.gradients import estimate_effects, rank_correlation
from ingest.circuits.patching.metrics import LogitMetric
from ingest.circuits.patching.patched_runs import Patcher, Side
from ingest.circuits.patching.sites import Site, hook_sites, patching_sites_before
from ingest.circuits.tracer import Tracer
from ingest.encode.windows import Tokenization
from ingest.models.hooked_model import hooked_model
from ingest.models.language_model import LanguageModel, Processing, load_language_model
from ingest.models.matching import load_together
from ingest.models.names import pocket_sae_ids
from tests.atlas.site.pages.test_page_graph import many
from tests.made.gpt2_small import save_gpt2_small

TOKENS, BOS = 12, 50_256
TARGET = 5
PROMPT = "The doctor gave the patient a drug for her heart disease"
LONGEST_GRAPH, LONGEST_DRAWING = 20.0, 1.0
"""Seconds that an exact graph, and the drawing of 5,000 nodes, may take."""


def say(line: str) -> None:
    """A line of the report, now."""
    print(line, flush=True)


@torch.no_grad()
def hooked_value(model: LanguageModel, base: Side, other: Side, site: Site) -> float:
    """The metric by one pass of TransformerLens' bridge with a hook at the site."""

    def exchange(value: torch.Tensor, hook: Any) -> torch.Tensor:
        value = value.clone()
        positions = slice(None) if site.position is None else site.position
        if site.head is None:
            value[0, positions] = other.values[site.hook_name][0, positions]
        else:
            value[0, positions, site.head] = other.values[site.hook_name][0, positions, site.head]
        return value

    logits = model.bridge.run_with_hooks(base.tokens, fwd_hooks=[(site.hook_name, exchange)])
    return float(logits[0, -1, TARGET])


def bench_patching(model: LanguageModel, hooked_sites: int) -> None:
    """All sites of a pair at once, against one pass a site."""
    rng = np.random.default_rng(0)
    prompts = [torch.tensor([BOS, *rng.integers(0, 50_000, TOKENS).tolist()]) for _ in range(2)]
    patcher = Patcher(hooked_model(model), LogitMetric(TOKENS, TARGET))
    names = patching_sites_before(None, patcher.hooked.n_layers)
    base, other = (patcher.side(tokens, names) for tokens in prompts)
    sites = list(hook_sites(names, range(1, TOKENS + 1), model.config.n_heads))
    some = [sites[place] for place in np.linspace(0, len(sites) - 1, hooked_sites).astype(int)]
    hooked_value(model, base, other, some[0])
    patcher.patched(base, other, some)
    began = time.perf_counter()
    plain = [hooked_value(model, base, other, site) for site in some]
    per_pass = (time.perf_counter() - began) / len(some)
    began = time.perf_counter()
    values = patcher.patched(base, other, sites)
    per_site = (time.perf_counter() - began) / len(sites)
    began = time.perf_counter()
    guesses = estimate_effects(patcher.hooked, patcher.metric, (), (base, other), sites)
    guessed = (time.perf_counter() - began) / len(sites)
    apart = np.abs(values[np.linspace(0, len(sites) - 1, hooked_sites).astype(int)] - plain).max()
    say(
        f"patching, {len(sites):,} sites of {TOKENS} tokens: {1e3 * per_site:.2f} ms a site, one hooked pass "
        f"{1e3 * per_pass:.1f} ms: {per_pass / per_site:.1f} times as fast; they differ by {apart:.1e} at most"
    )
    say(
        f"gradients: {1e3 * guessed:.3f} ms a site, {per_pass / guessed:,.0f} times as fast; rank correlation with the "
        f"exact values {rank_correlation(values, guesses):.3f} (random weights)"
    )


@torch.no_grad()
def hooked_node(tracer: Tracer, tokens: torch.Tensor, graph: Graph, node: int) -> float:
    """The first target without a node, by one pass of TransformerLens' bridge with a hook."""
    number = int(np.searchsorted(graph.nodes.starts, node, side="right")) - 1
    level, place = graph.nodes.levels[number], node - graph.nodes.starts[number]

    def take_out(value: torch.Tensor, hook: Any) -> torch.Tensor:
        value = value.clone()
        value[0, int(level.position[place])] -= level.written[place]
        return value

    logits = tracer.model.bridge.run_with_hooks(tokens, fwd_hooks=[(level.hook_name, take_out)])[0, -1]
    assert graph.nodes.token_ids is not None
    return float(logits[graph.nodes.token_ids] @ torch.as_tensor(graph.nodes.weight).float() - logits.mean())


def bench_graph(hooked_nodes: int) -> None:
    """The exact graph of a prompt on the embedded model, and the drawing of a large one."""
    model, saes = load_together([f"pocket/{sae_id}" for sae_id in pocket_sae_ids()])
    tracer = Tracer(model, saes, hooked_model(model), Tokenization(model.tokenizer, 128, prepend_bos=True), [])
    prompt = prompt_of_text(PROMPT, tracer.tokenization)
    tokens = tracer.tokens(prompt)[None]
    began = time.perf_counter()
    (graph,) = trace_graphs(tracer, Target(len(prompt)), prompt, ["ablation"], PRUNING)
    seconds = time.perf_counter() - began
    nodes = np.linspace(0, graph.nodes.starts[-1] - 1, hooked_nodes).astype(int)
    began = time.perf_counter()
    plain = [hooked_node(tracer, tokens, graph, node) for node in nodes]
    per_pass = (time.perf_counter() - began) / len(nodes)
    clean = hooked_node(tracer, tokens, graph, 0) + graph.effect[0]
    apart = np.abs(clean - np.array(plain) - graph.effect[nodes]).max()
    per_node = seconds / len(graph.nodes)
    say(
        f"exact graph of {len(prompt)} tokens on pocket: {len(graph.nodes):,} nodes and {len(graph.edges):,} edges in "
        f"{seconds:.1f} s (at most {LONGEST_GRAPH:.0f}: {_held(seconds, LONGEST_GRAPH)}), {1e3 * per_node:.1f} ms a "
        f"node, one hooked pass {1e3 * per_pass:.1f} ms: {per_pass / per_node:.1f} times as fast; effects on the "
        f"target differ by {apart:.1e} at most"
    )
    large = many(5_000)
    draw(many(60), Style(LIGHT, TALL))
    began = time.process_time()
    draw(large, Style(LIGHT, TALL))
    seconds = time.process_time() - began
    say(
        f"a graph of {len(large.nodes):,} nodes and {len(large.edges):,} edges is drawn in {seconds:.2f} s of a core "
        f"(at most {LONGEST_DRAWING:.0f}: {_held(seconds, LONGEST_DRAWING)})"
    )


def _held(seconds: float, most: float) -> str:
    return "held" if seconds <= most else "NOT HELD"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hooked", type=int, default=40, help="sites that are run one by one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        name = save_gpt2_small(Path(folder) / "model")
        bench_patching(load_language_model(name, Processing(center_writing_weights=True)), arguments.hooked)
    bench_graph(arguments.hooked)


if __name__ == "__main__":
    main()
