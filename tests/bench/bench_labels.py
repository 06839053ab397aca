"""The import of a bulk export of labels, of one feature each of GPT-2 small's SAEs: processor time, memory, rows.

    python -m tests.bench.bench_labels [--features N] [--width N]

An explanation has an embedding, as Neuronpedia's have, which is most of the file. A quarter of the features is imported
first, then all: memory is asked to stay flat, and the whole to take less than a minute.
"""

import argparse
import gzip
import json
import tempfile
from pathlib import Path

import numpy as np

from schema import open_atlas
from tests.bench.bench_contrast import fill
from tests.bench.bench_memory import used_by

FILES = 24
SECONDS = 60
DICTIONARY = "gpt2-small/8-res-jb"


def main() -> None:
    """Print a line for each size, beside what was asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=int, default=24_576)
    parser.add_argument("--width", type=int, default=320, help="numbers of an embedding")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for features in (asked.features // 4, asked.features):
            folder = Path(name) / str(features)
            folder.mkdir()
            measure(folder, features, asked.width)


def measure(folder: Path, features: int, width: int) -> None:
    """Generate an export and an atlas, import, and print a line."""
    atlas = folder / "atlas.duckdb"
    fill(atlas, 8, features)
    with open_atlas(atlas) as opened:
        opened.rows("UPDATE sae SET neuronpedia_id = ?", [DICTIONARY])
    size = write(folder / "explanations", features, width)
    files = sorted(map(str, (folder / "explanations").iterdir()))
    used = used_by(["label", "import", str(atlas), *files])
    with open_atlas(atlas, read_only=True) as opened:
        ((labels,),) = opened.rows("SELECT COUNT(*) FROM feature_label")
    assert labels == features
    mark = "" if used.seconds < SECONDS else "  MISSED"
    print(
        f"{labels:,} labels of {size / 1e6:.0f} MB: {used.seconds:.1f} s of the processor, "
        f"{used.megabytes:,.0f} MB  asked: under {SECONDS} s{mark}",
        flush=True,
    )


def write(folder: Path, features: int, width: int) -> int:
    """An export in batches that are ordered as text; its size in bytes before it is packed."""
    folder.mkdir()
    embeddings = np.random.default_rng(0).normal(size=(64, width)).round(9).tolist()
    model, layer = DICTIONARY.split("/")
    size = 0
    for number, part in enumerate(np.array_split(np.arange(features), FILES)):
        with gzip.open(folder / f"batch-{number}.jsonl.gz", "wt", encoding="utf-8", compresslevel=1) as file:
            for feature in part.tolist():
                line: dict[str, object] = {
                    "id": f"id-{feature}",
                    "modelId": model,
                    "layer": layer,
                    "index": str(feature),
                }
                line |= {"description": f"words about w{feature % 5_000}", "typeName": "oai_token-act-pair"}
                line |= {"explanationModelName": "gpt-4o-mini", "umap_x": 0.5, "umap_y": 0.5}
                size += file.write(json.dumps(line | {"embedding": embeddings[feature % 64]}) + "\n")
    return size


if __name__ == "__main__":
    main()
