"""Ingest against the matrix products that it cannot do without, and against how others do the same.

    python -m tests.bench.bench_ingest [--tokens N] [--rounds N] [--even]

On a model of GPT-2 small's shape with random weights and an SAE of 24,576 features, all in one process, in turn, some
rounds of it: rates are medians of the rounds, ratios medians of the ratios within a round. Ingest is the job from
documents to rows and sums on disk, once the SAE is known to the atlas; the others, see `tests.bench.peers`, keep
nothing, and compute in float32, as the products do. So does ingest, and once more with `--precision bfloat16`, where
the processor has instructions for it: activations are others then, and what that changes of pocket's is in the last
table. Words stand in a text as often as words do
(Zipf), since what is summed of a word that comes again is one row; `--even` draws all equally often, the worst case.
Tokens are those of text, without BOS. How many times as fast as another anything in float32 can be, the share of the
products says that the other reaches: at 5 %, 20 times.
"""

import argparse
import json
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from itertools import chain
from pathlib import Path
from statistics import median

import torch

from ingest.encode.batch import BatchEncoder
from ingest.encode.passes import FORWARD_TOKENS
from ingest.encode.precision import changes_by_precision
from ingest.encode.stage_times import STAGES
from ingest.jobs.ingest import IngestRequest, IngestResult
from ingest.models.language_model import LanguageModel
from ingest.models.matching import load_together
from ingest.models.names import parse_sae_name, pocket_sae_ids
from ingest.models.sae import SAE
from ingest.models.sae_activations import CHUNK_ROWS
from ingest.models.screen import multiplies_bfloat16
from tests.bench.peers import DASHBOARD_FEATURES, Peers
from tests.made.gpt2_small import save_gpt2_small, save_gpt2_small_sae
from tests.made.jobs import ingest_with

CONTEXT = 128
BATCH = 16
"""Windows that others read at a time: as many tokens as a forward pass of ours has."""
LONG, SHORT = 1_000, 10
"""Tokens of a document, and of a prompt."""
PROMPTS = 8
"""Prompts of the study's loop in a round."""
BOUND, OURS, OURS_SHORT = "matrix products alone", "ingest, long documents", "ingest, ten-token prompts"
ROUNDED, ROUNDED_SHORT = f"{OURS}, --precision bfloat16", f"{OURS_SHORT}, --precision bfloat16"
HOOK_LAYERS = (8, 6, 4)
CORPORA = ("medical", "control")
ASKED = {
    "SAELens ActivationsStore, encode, nonzero": (OURS, 1.25),
    "SAELens run_with_cache_with_saes": (OURS, None),
    "delphi LatentCache's loop": (OURS, 2.0),
    "SAEDashboard's loop, one batch of features times their number": (OURS, None),
    "the study's loop, ten-token prompts": (OURS_SHORT, 35.0),
}
"""Each of the others, what of ours it is compared with, and how many times as fast that is to be."""

IN_BFLOAT16 = {OURS: ROUNDED, OURS_SHORT: ROUNDED_SHORT}

Rates = Mapping[str, Sequence[float]]


@dataclass
class Bench:
    """What is measured, round by round: tokens a second by name, and the results of ingests."""

    folder: Path
    model: LanguageModel
    sae: SAE
    peers: Peers
    even: bool
    rates: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    results: dict[str, list[IngestResult]] = field(default_factory=lambda: defaultdict(list))

    def round(self, number: int, tokens: int) -> None:
        """Everything once; the products before, between and after the others, since a machine's speed wanders."""
        draw = torch.Generator().manual_seed(number)
        windows = torch.randint(1_000, 50_000, (BATCH, CONTEXT), generator=draw)
        prompts = torch.randint(1_000, 50_000, (PROMPTS, SHORT + 1), generator=draw)
        products = [products_per_second(self.sae)]
        self._ingest(OURS, number, tokens, LONG)
        products.append(products_per_second(self.sae))
        store, with_saes, delphi, dashboard, study = ASKED
        self._rate(store, windows.numel(), lambda: self.peers.saelens_store(windows))
        self._rate(with_saes, windows.numel(), lambda: self.peers.run_with_cache_with_saes(windows))
        self._rate(delphi, windows.numel(), lambda: self.peers.delphi(windows))
        self._rate(
            dashboard, windows.numel() * DASHBOARD_FEATURES / self.sae.d_sae, lambda: self.peers.saedashboard(windows)
        )
        self._rate(study, PROMPTS * SHORT, lambda: self.peers.study(prompts))
        products.append(products_per_second(self.sae))
        self._ingest(OURS_SHORT, number, tokens, SHORT)
        if multiplies_bfloat16():
            self._ingest(ROUNDED, number, tokens, LONG)
            self._ingest(ROUNDED_SHORT, number, tokens, SHORT)
        products.append(products_per_second(self.sae))
        self.rates[BOUND].append(len(products) / sum(1 / rate for rate in products))

    def _rate(self, name: str, tokens: float, run: Callable[[], object]) -> None:
        began = time.perf_counter()
        run()
        self.rates[name].append(tokens / (time.perf_counter() - began))

    def _ingest(self, name: str, number: int, tokens: int, each: int) -> None:
        result = self.ingest(f"{number}-{each}", tokens, each, rounded=name in (ROUNDED, ROUNDED_SHORT))
        self.results[name].append(result)
        self.rates[name].append(result.counts.tokens / result.seconds)

    def ingest(self, stem: str, tokens: int, each: int, *, rounded: bool = False) -> IngestResult:
        """Ingest so many tokens in documents of so many each, into an atlas of their precision."""
        path = self.folder / f"{stem}.txt"
        texts = random_texts(self.model, tokens, each, stem, even=self.even)
        path.write_text("\n".join(texts) + "\n", encoding="utf-8")
        model = replace(self.model, precision="bfloat16") if rounded else self.model
        atlas = self.folder / ("rounded.duckdb" if rounded else "atlas.duckdb")
        return ingest_with(IngestRequest(atlas, (str(path),)), model, [self.sae])


def random_texts(model: LanguageModel, tokens: int, each: int, seed: str, *, even: bool = False) -> list[str]:
    """Texts of random words that are a token each, wherever they stand: the nth by 1/n, or all equally often."""
    held = model.tokenizer.get_vocab()
    words = sorted(word for word in held if word.isascii() and word.isalpha() and len(word) > 2 and f"Ġ{word}" in held)
    draw = torch.Generator().manual_seed(sum(seed.encode()))
    order = torch.randperm(len(words), generator=torch.Generator().manual_seed(0))
    often = torch.ones(len(words)) if even else 1 / torch.arange(1, len(words) + 1)
    chosen = order[torch.multinomial(often, tokens, replacement=True, generator=draw)]
    return [" ".join(words[i] for i in part.tolist()) for part in torch.split(chosen, each)]


@torch.inference_mode()
def products_per_second(sae: SAE) -> float:
    """Tokens a second of nothing but the products of the blocks and the SAE, in our shapes, into memory at hand."""
    d, wide = sae.d_in, 4 * sae.d_in
    shapes = ((d, 3 * d), (d, d), (d, wide), (wide, d))
    maps = [(torch.randn(FORWARD_TOKENS, i), torch.randn(o, i).T, torch.empty(FORWARD_TOKENS, o)) for i, o in shapes]
    x, W_enc, acts = maps[0][0], sae.module.W_enc, torch.empty(CHUNK_ROWS, sae.d_sae)
    began = time.perf_counter()
    for _ in range(sae.hook_layer):
        for given, W, out in maps:
            torch.mm(given, W, out=out)
    for rows in torch.split(x, CHUNK_ROWS):
        torch.mm(rows, W_enc, out=acts)
    return FORWARD_TOKENS / (time.perf_counter() - began)


def hook_point_seconds(model: LanguageModel, sae: SAE, rounds: int) -> tuple[dict[int, float], dict[int, float]]:
    """Seconds of one pass with 1, 2 and 3 SAEs at as many hook points, and of a pass for each of them."""
    saes = [replace(sae, hook_name=f"blocks.{layer}.hook_resid_pre") for layer in HOOK_LAYERS]
    texts = random_texts(model, FORWARD_TOKENS, LONG, "hook points")

    def _seconds(chosen: Sequence[SAE]) -> float:
        encoder = BatchEncoder.of(model, chosen)
        began = time.perf_counter()
        encoder.encode(texts, [""] * len(texts), [[True] * len(texts)] * len(chosen))
        return time.perf_counter() - began

    together, apart = defaultdict(list), defaultdict(list)
    for _ in range(rounds):
        alone = [_seconds([each]) for each in saes]
        for n in range(1, len(saes) + 1):
            apart[n].append(sum(alone[:n]))
            together[n].append(alone[0] if n == 1 else _seconds(saes[:n]))
    return {n: median(found) for n, found in together.items()}, {n: median(found) for n, found in apart.items()}


def ratio(rates: Rates, ours: str, theirs: str) -> float:
    """The median of the ratios within a round."""
    return median(one / other for one, other in zip(rates[ours], rates[theirs], strict=True))


def show_rates(rates: Rates) -> None:
    """Print tokens a second of each, as a share of the products, and how many times as fast ingest is."""
    print("| path | tokens/s | of the products | ingest is faster | asked | in bfloat16 |")
    print("| :-- | --: | --: | --: | --: | --: |")
    for name, asked in ((BOUND, ""), (OURS, "80 %"), (OURS_SHORT, "75 %"), (ROUNDED, ""), (ROUNDED_SHORT, "")):
        if name in rates:
            print(f"| {name} | {median(rates[name]):,.0f} | {ratio(rates, name, BOUND):.0%} | | {asked} | |")
    for name, (ours, least) in ASKED.items():
        measured = (path in rates and f"{ratio(rates, path, name):.2f}x" for path in (ours, IN_BFLOAT16[ours]))
        faster, rounded = (each or "not run" for each in measured)
        of_bound, asked = f"{ratio(rates, name, BOUND):.0%}", f"{least:g}x" if least else ""
        print(f"| {name} | {median(rates[name]):,.0f} | {of_bound} | {faster} | {asked} | {rounded} |")


def show_stages(results: Mapping[str, Sequence[IngestResult]]) -> None:
    """Print the share of each stage of an ingest, as `atlas ingest --profile` does."""
    print("\n| stage | long documents | ten-token prompts |\n| :-- | --: | --: |")
    for stage in STAGES:
        shares = [median(each.stages[stage] / each.seconds for each in results[name]) for name in (OURS, OURS_SHORT)]
        print(f"| {stage} | {shares[0]:.1%} | {shares[1]:.1%} |")


def show_precision() -> None:
    """Print what `--precision bfloat16` changes of pocket's activations, on the bundled sentences."""
    model, saes = load_together([str(parse_sae_name(f"pocket/{sae_id}")) for sae_id in pocket_sae_ids()])
    corpora = files("ingest").joinpath("corpora")
    lines = [corpora.joinpath(f"{name}.jsonl").read_text(encoding="utf-8").splitlines() for name in CORPORA]
    texts = [json.loads(line)["text"] for line in chain(*lines)]
    print("\n| SAE of pocket, 256 sentences, bfloat16 | active set shared | median deviation | largest | of at most |")
    print("| :-- | --: | --: | --: | --: |")
    for each in changes_by_precision(replace(model, precision="bfloat16"), saes, texts, most_characters=10**9):
        print(f"| {each.sae} | {each.shared:.1%} | {each.median:.2%} | {each.largest:.3g} | {each.peak:.3g} |")


def show_hook_points(together: Mapping[int, float], apart: Mapping[int, float]) -> None:
    """Print what SAEs at several hook points cost in one pass, beside a pass each."""
    print("\n| hook points, an SAE each | one pass | a pass each | one pass against one hook point |")
    print("| --: | --: | --: | --: |")
    for n, seconds in together.items():
        print(f"| {n} | {seconds:.1f} s | {apart[n]:.1f} s | {seconds / together[1]:.2f}x |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=48_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--even", action="store_true", help="every word as often as another")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        run(Path(name), arguments.tokens, arguments.rounds, even=arguments.even)


def run(folder: Path, tokens: int, rounds: int, *, even: bool) -> None:
    """Make the model, register the SAE, then measure."""
    gpt2 = save_gpt2_small(folder / "gpt2-small")
    model, (sae,) = load_together([save_gpt2_small_sae(folder / "random-res" / "blocks.8.hook_resid_pre", gpt2)], gpt2)
    bench = Bench(folder, model, sae, Peers.of(gpt2, sae), even)
    for rounded in (False, True) if multiplies_bfloat16() else (False,):
        bench.ingest("first", SHORT, SHORT, rounded=rounded)
    for number in range(rounds):
        bench.round(number, tokens)
    found = next(iter(bench.results[OURS])).counts
    drawn = "words all equally often" if even else "words as often as words are"
    print(
        f"L0 {found.activations / found.tokens:.0f}, {torch.get_num_threads()} threads, {rounds} rounds of "
        f"{tokens:,} tokens, {drawn}\n"
    )
    if not multiplies_bfloat16():
        print("--precision bfloat16: not run, since this processor has no instructions for it\n")
    show_rates(bench.rates)
    show_stages(bench.results)
    show_hook_points(*hook_point_seconds(model, sae, min(rounds, 2)))
    show_precision()


if __name__ == "__main__":
    main()
