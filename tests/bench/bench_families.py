"""Neighbours, clusters and a map of 24,576 features of width 768, and what fires together, against the obvious way.

    python -m tests.bench.bench_families [--features N] [--width N] [--tokens N]

Directions are drawn in groups of groups, as decoders have them. The obvious way to neighbours is scikit-learn's
search; to counts of two features firing together, a dense matrix of all pairs, measured on a sample and scaled.
Memory is the highest resident size of the process. It aims at under 3 minutes and 2 GB on 2 cores in all for
neighbours, clusters and the map; the load of the machine stands beside it, and seconds of CPU, which do not hang
on it.
"""

import argparse
import os
import resource
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from scipy.sparse import csr_array
from sklearn.neighbors import NearestNeighbors

from ingest.families.clustering import Wanted, cluster_features, place_by_decoder
from ingest.families.coactive_pairs import features_firing_with
from ingest.families.neighbours import nearest_rows
from ingest.families.products import Firing

L0 = 60
SAMPLE = 512
SECONDS, GIGABYTES = 180, 2.0
"""What it aims at."""
Found = TypeVar("Found")


def main() -> None:
    """Print seconds, ratios and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=int, default=24_576)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--tokens", type=int, default=50_000)
    arguments = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}, {torch.get_num_threads()} threads")
    W_dec = directions(arguments.features, arguments.width)
    began, worked = time.perf_counter(), time.process_time()
    timed("neighbours", lambda: nearest_rows(W_dec))
    told: list[float] = [time.perf_counter()]

    def tell(stage: str, done: int, total: int) -> None:
        if done == total:
            print(f"  {stage}: {time.perf_counter() - told[-1]:.1f} s")
            told.append(time.perf_counter())

    made = timed("clusters and map", lambda: cluster_features(place_by_decoder(W_dec), Wanted(), tell))
    seconds, cpu, held = time.perf_counter() - began, time.process_time() - worked, gigabytes()
    print(f"  {made.clusters} clusters, seeds agree {made.stability.mean:.2f}, trustworthy {made.trust}")
    print(f"in all {seconds:.0f} s of {SECONDS}, {cpu:.0f} s of CPU, {held:.2f} GB of {GIGABYTES}")
    print(f"load {os.getloadavg()[0]:.1f}")
    obvious_neighbours(W_dec)
    together(arguments.features, arguments.tokens)


def directions(features: int, width: int) -> torch.Tensor:
    """Directions in groups of groups, each with a part of its own."""
    drawn = torch.Generator().manual_seed(0)
    wide, narrow = (torch.randn(number, width, generator=drawn) for number in (64, 1500))
    group = torch.randint(1500, (features,), generator=drawn)
    above = torch.randint(64, (1500,), generator=drawn)
    return 0.6 * wide[above[group]] + 0.8 * narrow[group] + 1.2 * torch.randn(features, width, generator=drawn)


def timed(what: str, run: Callable[[], Found]) -> Found:
    """Run it, and say how long it took."""
    began, worked = time.perf_counter(), time.process_time()
    found = run()
    print(f"{what}: {time.perf_counter() - began:.1f} s, {time.process_time() - worked:.1f} s of CPU")
    return found


def gigabytes() -> float:
    """The highest resident size so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def obvious_neighbours(W_dec: torch.Tensor) -> None:
    """scikit-learn's search for a sample of the features, scaled to all."""
    rows = W_dec.numpy()
    began = time.perf_counter()
    NearestNeighbors(n_neighbors=11, metric="cosine").fit(rows).kneighbors(rows[:SAMPLE])
    print(f"neighbours the obvious way: {(time.perf_counter() - began) * len(rows) / SAMPLE:.1f} s")


def together(features: int, tokens: int) -> None:
    """Counts of two features firing together, and the dense way on a sample of the features, scaled."""
    rng = np.random.default_rng(0)
    feature = np.minimum((features * rng.random(tokens * L0) ** 3).astype(np.int32), features - 1)
    token = np.repeat(np.arange(tokens, dtype=np.int32), L0)
    fires = csr_array((np.ones(len(token), np.float32), (token, feature)), shape=(tokens, features))
    timed(f"fires together, {tokens:,} tokens", lambda: features_firing_with(Firing([fires], features, tokens)))
    began = time.perf_counter()
    dense = fires[:, :SAMPLE].toarray()
    np.argsort(-(dense.T @ dense), axis=1)
    print(
        f"the dense way: {(time.perf_counter() - began) * (features / SAMPLE) ** 2:.0f} s; {gigabytes():.2f} GB in all"
    )


if __name__ == "__main__":
    main()
