"""A contrast of 24,576 features on 2,000 documents, against the obvious pandas way; and associations of as many.

    python -m tests.bench.bench_contrast [--documents N] [--features N] [--sample N]

The obvious way: the rows of feature_document pivoted to a table of documents x
features, then scipy and scikit-learn a column at a time; measured on a sample of
the features and scaled. Both read the same file, in one process, in turn. Memory
is the highest resident size of a process of its own, at half and at all of the
documents: what does not grow between the two does not depend on the activations.

An association is a number of each document (which pairs of documents exchange within themselves), a number of each
pair, or the class of each document: in seconds of CPU, whatever else the machine does.
"""

import argparse
import multiprocessing
import re
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.stats import fisher_exact, mannwhitneyu
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from ingest.jobs.association import AssociationRequest, association_into
from schema import Atlas, open_atlas, tables
from tests.made.jobs import compute_contrast
from tests.made.synthetic_atlas import Sentence, build_atlas

TOKENS = 64
L0 = 60
SKEW = 6
"""Features are drawn by this power of a uniform number: a document's tokens share about half of theirs."""

SHUFFLES = 200
RESAMPLES = 1000
SAMPLED = 50
"""One draw and one shuffle in so many is timed the obvious way."""

ASSOCIATIONS: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "a number of each document": ("number", ()),
    "a number of each pair": ("pair", ()),
    "seven classes": (None, ("domain=topic", *(f"domain=domain{n}" for n in range(0, 12, 2)))),
}


def main() -> None:
    """Print seconds, ratios and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=2_000)
    parser.add_argument("--features", type=int, default=24_576)
    parser.add_argument("--sample", type=int, default=24)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{n}.duckdb" for n in (arguments.documents // 2, arguments.documents)]
        for path in paths:
            fill(path, int(path.stem), arguments.features)
        spawn = multiprocessing.get_context("spawn")
        for path in paths:
            process = spawn.Process(target=report_memory, args=(path,))
            process.start()
            process.join()
        associate(paths[1])
        compare(paths[1], arguments.sample)


def fill(path: Path, n_documents: int, d_sae: int) -> None:
    """Random activations, a few features common and most of them rare, as in an SAE."""
    rng = np.random.default_rng(0)
    sentences = [
        Sentence(
            rng.integers(0, 5_000, TOKENS).tolist(),
            "topic" if n % 2 else f"domain{n % 12}",
            f"t{n // 2}",
            n % 2 or None,
        )
        for n in range(n_documents)
    ]
    size = n_documents * TOKENS * L0
    feature = (d_sae * rng.random(size, dtype=np.float32) ** SKEW).astype(np.int32)
    place = np.repeat(np.arange(n_documents * TOKENS, dtype=np.int32), L0)
    _, kept = np.unique(place.astype(np.int64) * d_sae + feature, return_index=True)
    rows = {
        "document": place[kept] // TOKENS,
        "position": (place[kept] % TOKENS + 1).astype(np.int16),
        "feature": feature[kept],
        "activation": rng.gamma(2.0, size=len(kept)).astype(np.float32),
    }
    build_atlas(path, sentences, d_sae, pa.table(rows))
    with open_atlas(path) as atlas, atlas.transaction():
        for name, values in (("number", rng.normal(size=n_documents)), ("pair", rng.normal(size=n_documents // 2))):
            of = np.arange(n_documents) * len(values) // n_documents
            fields = {"document": np.arange(n_documents, dtype=np.int32), "name": [name] * n_documents}
            atlas.append(tables.document_field, pa.table(fields | {"value": values[of]}))


def figures_and_null(path: Path, name: str) -> tuple[float, float]:
    """Seconds of the whole job, every figure computed and stored: without the null, and what the null adds."""
    with open_atlas(path) as atlas:
        controls = [row[0] for row in atlas.rows("SELECT name FROM corpus WHERE domain <> 'topic'")]
        began = time.perf_counter()
        compute_contrast(atlas, name, ["domain=topic"], controls, shuffles=0)
        middle = time.perf_counter()
        compute_contrast(atlas, name, ["domain=topic"], controls, shuffles=SHUFFLES)
        return middle - began, time.perf_counter() - middle - (middle - began)


def associate(path: Path) -> None:
    """Print the seconds of each association."""
    with open_atlas(path) as atlas:
        for what in ASSOCIATIONS:
            print(f"atlas:  {what}, {SHUFFLES} shuffles: {association_seconds(atlas, what):.1f} s of CPU")


def association_seconds(atlas: Atlas, what: str, of: str = "") -> float:
    """Seconds of CPU of the whole job, every figure computed and stored; what is stored already is not done again."""
    field, sets = ASSOCIATIONS[what]
    began = time.process_time()
    association_into(atlas, AssociationRequest(atlas.path, of + what, field, sets, shuffles=SHUFFLES))
    return time.process_time() - began


def report_memory(path: Path) -> None:
    """Print the highest resident size while everything is computed, over what the imports took."""
    before = highest_resident()
    figures_and_null(path, "memory")
    contrast = highest_resident()
    with open_atlas(path) as atlas:
        for what in ASSOCIATIONS:
            association_seconds(atlas, what, "memory: ")
    peak = highest_resident()
    with open_atlas(path, read_only=True) as atlas:
        n_rows, n_acts = atlas.rows("SELECT (SELECT COUNT(*) FROM feature_document), COUNT(*) FROM activation")[0]
    what = f"{path.stem} documents, {n_acts:,} activations, {n_rows:,} rows"
    print(f"{what}: peak {contrast - before:,.0f} MiB over the imports, with associations {peak - before:,.0f} MiB")


def highest_resident() -> float:
    """MiB that this process has had in memory at once."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return float(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024


def compare(path: Path, sample: int) -> None:
    """Print the seconds of both ways and their ratios."""
    figures, null = figures_and_null(path, "speed")
    print(f"atlas:  every figure {figures:.1f} s, null of {SHUFFLES} shuffles {null:.1f} s")
    with open_atlas(path, read_only=True) as atlas:
        sql = "SELECT domain = 'topic' FROM document JOIN corpus USING (corpus) ORDER BY document"
        positive = np.array([row[0] for row in atlas.rows(sql)])
        began = time.perf_counter()
        rows = atlas.duckdb.execute("SELECT document, feature, max_activation FROM feature_document").df()
    frame = rows.pivot(index="document", columns="feature", values="max_activation").fillna(0.0)
    pivot = time.perf_counter() - began
    chosen = np.random.default_rng(1).choice(frame.columns, sample, replace=False)
    plain, drawn, shuffled = (seconds * len(frame.columns) / sample for seconds in obvious(frame[chosen], positive))
    print(f"pandas: pivot {pivot:.1f} s, figures {plain:,.0f} s, intervals {drawn:,.0f} s, null {shuffled:,.0f} s")
    without, whole = (pivot + plain) / figures, (pivot + plain + drawn) / figures
    print(f"ratio:  figures {whole:,.0f}x ({without:,.1f}x were the intervals free), null {shuffled / null:,.0f}x")


def obvious(frame: pd.DataFrame, positive: np.ndarray) -> tuple[float, float, float]:
    """Seconds of the figures of these columns, of their bootstrap intervals and of their null, a column at a time."""
    rng = np.random.default_rng(2)
    began, drawing = time.perf_counter(), 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _, column in frame.items():
            values = column.to_numpy(dtype=float)
            fires = [int((values[side] > 0).sum()) for side in (positive, ~positive)]
            mannwhitneyu(values[positive], values[~positive])
            fisher_exact([fires, [int(positive.sum()) - fires[0], int((~positive).sum()) - fires[1]]])
            roc_auc_score(positive, values)
            before = time.perf_counter()
            for _ in range(RESAMPLES // SAMPLED):
                drawn = rng.integers(0, len(values), len(values))
                roc_auc_score(positive[drawn], values[drawn])
            drawing += time.perf_counter() - before
            LogisticRegression().fit(values[:, None], positive)
            DecisionTreeClassifier(max_depth=1).fit(values[:, None], positive)
    middle = time.perf_counter()
    for _, column in frame.items():
        for _ in range(SHUFFLES // SAMPLED):
            labels = rng.permutation(positive)
            mannwhitneyu(column[labels], column[~labels])
    return middle - began - drawing, SAMPLED * drawing, SAMPLED * (time.perf_counter() - middle)


if __name__ == "__main__":
    main()
