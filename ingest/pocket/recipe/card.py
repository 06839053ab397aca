"""What lies beside the weights: the model card, and whom the text is owed to."""

from __future__ import annotations

import csv
import importlib.resources
import json
import os
import platform
from pathlib import Path
from typing import Any

import torch

from ingest.pocket.recipe.corpus import expand, read_training_documents
from ingest.pocket.recipe.precision import product_dtype

HEADER = ("source", "licence", "id", "title")


def sources_table() -> list[dict[str, str]]:
    """Address, commit, licence and attribution of every source that may be trained on."""
    text = importlib.resources.files(__package__).joinpath("sources.tsv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), delimiter="\t"))


def write_attribution(patterns: tuple[str, ...], titles: str | None, path: Path) -> None:
    """A row a source that was trained on, and a row a work of it where the works are named one by one."""
    documents = [(d.source, d.doc_id) for d in read_training_documents(expand(patterns))]
    used = {source for source, _ in documents}
    works = {doc_id.partition(":")[2].partition("#")[0] for _, doc_id in documents}
    rows = [(row["source"], row["licence"], row["address"], row["attribution"]) for row in sources_table()]
    licences = {source: licence for source, licence, _, _ in rows}
    for source, work, title in _titles(titles):
        if work in works:
            rows.append((source, licences.get(source, ""), work, title))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerows([HEADER, *(row for row in rows if row[0] in used)])


def _titles(path: str | None) -> list[tuple[str, str, str]]:
    if path is None:
        return []
    with Path(path).open(encoding="utf-8", newline="") as file:
        return [(r["source"], r["id"], r["title"]) for r in csv.DictReader(file, delimiter="\t")]


def training_log(out: Path) -> dict[str, Any]:
    """What the curves of a run say: points of the loss, tokens and wall time of each stage."""
    model, saes = _curve(out / "curve.jsonl"), _curve(out / "sae" / "curve.jsonl")
    every = max(len(model) // 12, 1)
    return {"model": model[-1:], "points": model[::every] + model[-1:], "sae": saes[-1:]}


def _curve(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def model_card(figures: dict[str, Any], command: str, log: dict[str, Any]) -> str:
    """The model card in Markdown, every number taken from the figures and the curves."""
    parts = (_opening(figures), _recipe(command, log), _quality(figures), _meaning(figures), _data(), LIMITS)
    return "\n\n".join(parts) + "\n"


def _opening(figures: dict[str, Any]) -> str:
    hooks = ", ".join(f"`{name}`" for name in figures["hooks"])
    return f"""# pocket

A GPT-2 of 6 blocks and 256 dimensions with its own byte-level BPE of 8,192 tokens (`gpt2/`, a Hugging Face folder)
and a sparse autoencoder of 4,096 features at {hooks} (`sae/`, SAELens folders).
It is the embedded default: small enough to ship, and there so that everything can be tried without a network.
Conclusions about language models want GPT-2 small, which is one option away.

Load both in float32 (the files are float16). The autoencoders read the residual stream as Hugging Face computes it:
nothing centred, nothing folded. Every context begins with `<|endoftext|>` (id 0) and is at most 128 tokens long."""


def _recipe(command: str, log: dict[str, Any]) -> str:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores"
    lines = ["## Recipe", "", f"    python -m ingest.pocket.recipe {command}", ""]
    lines.append(f"Hardware: {device} ({platform.machine()}), shared with other work. PyTorch {torch.__version__}.")
    dtype = str(product_dtype("cuda" if torch.cuda.is_available() else "cpu")).removeprefix("torch.")
    lines.append(f"Matrices are multiplied in {dtype} while training.")
    for point in log["model"]:
        lines.append(f"Language model: {point['tokens']:,} tokens in {point['seconds'] / 60:.0f} minutes of wall time.")
    for point in log["sae"]:
        lines.append(
            f"Autoencoders: {point['tokens']:,} activations a hook in {point['seconds'] / 60:.0f} minutes, all hooks."
        )
    lines += ["", "| tokens | minutes | blocks trained | training loss, nats a token |", "|---:|---:|---:|---:|"]
    for point in log["points"]:
        minutes = point["seconds"] / 60
        lines.append(f"| {point['tokens']:,} | {minutes:.0f} | {point['depth']} | {point['loss']:.3f} |")
    return "\n".join(lines)


def _quality(figures: dict[str, Any]) -> str:
    margin = figures["bigram_bits_per_byte"] - figures["bits_per_byte"]
    lines = [
        "## Quality",
        "",
        f"On {figures['documents']} validation documents ({figures['tokens']:,} tokens, {figures['bytes']:,} bytes), "
        "cut into windows of BOS and 127 tokens that do not overlap:",
        "",
        f"- language model: **{figures['bits_per_byte']:.3f} bits a byte**, "
        f"{figures['nats_a_token']:.3f} nats a token; a bigram model "
        f"with Witten-Bell smoothing, on the same windows, {figures['bigram_bits_per_byte']:.3f}: "
        f"{margin:.3f} better",
        "",
        "| hook | explained variance | mean L0 | dead | cross-entropy | with the autoencoder | zeroed | recovered |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, hook in figures["hooks"].items():
        lines.append(
            f"| `{name}` | {hook['explained_variance']:.3f} | {hook['l0']:.1f} | {hook['dead']:.1%} "
            f"| {hook['ce_clean']:.3f} | {hook['ce_sae']:.3f} (+{hook['ce_rise']:.3f}) | {hook['ce_zero']:.3f} "
            f"| {hook['ce_recovered']:.3f} |"
        )
    tokens = max(hook["tokens"] for hook in figures["hooks"].values())
    lines += [
        "",
        f"Explained variance is 1 - E|x - x̂|² / E|x - x̄|²; it, L0 and the dead share are over {tokens:,} non-BOS "
        "tokens. Cross-entropy, in nats a token, is on every 32nd window, BOS left intact.",
    ]
    return "\n".join(lines)


def _meaning(figures: dict[str, Any]) -> str:
    lines = [
        "## Meaning",
        "",
        "Features whose maximum over a document's first 127 tokens tells its domain from all others with an AUROC of "
        "at least 0.90, at a density under 5 %: how many, and the best one.",
        "",
    ]
    names = list(figures["hooks"])
    tables = [{row["domain"]: row for row in figures["hooks"][name]["domains"]} for name in names]
    lines.append("| domain | documents | " + " | ".join(f"`{name}`" for name in names) + " |")
    lines.append("|---|---:|" + "---|" * len(names))
    for domain, first in tables[0].items():
        cells = [_cell(table[domain]) for table in tables]
        lines.append(f"| {domain} | {first['documents']} | " + " | ".join(cells) + " |")
    for name in names:
        lines += ["", *_medical(name, figures["hooks"][name])]
    return "\n".join(lines)


def _cell(row: dict[str, Any]) -> str:
    return f"{len(row['features'])}; {row['best_feature']}: {row['best']:.3f}"


def _medical(name: str, hook: dict[str, Any]) -> list[str]:
    lines = [
        f"Medical features of `{name}` ({hook['medical_kept']} of {len(hook['medical'])} keep an AUROC of at least "
        "0.80 without MedQuAD, whose questions follow templates, and fire on ten or more different words):"
    ]
    if not hook["medical"]:
        return [*lines, "", "none."]
    lines += ["", "| feature | AUROC | without MedQuAD | words | most often |", "|---:|---:|---:|---:|---|"]
    for row in hook["medical"][:12]:
        words = ", ".join(word.replace("|", "\\|").replace("\n", " ") for word in row["examples"])
        areas = f"{row['auroc']:.3f} | {row['without_templated']:.3f}"
        lines.append(f"| {row['feature']} | {areas} | {row['words']} | {words} |")
    return lines


def _data() -> str:
    lines = ["## Data and licences", ""]
    lines += ["No share-alike source was trained on. `ATTRIBUTION.tsv` names single works.", ""]
    lines += ["| source | commit | licence | whom to thank | changes |", "|---|---|---|---|---|"]
    for row in sources_table():
        source = f"[{row['source']}]({row['address']})"
        cells = (source, row["commit"], row["licence"], row["attribution"], row["changes"])
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


LIMITS = """## Limits

- Text to 1928 for most fiction, US law and government, health information for laypeople: the model knows little else.
- Contexts of 128 tokens; English only; it writes badly and is not meant to write.
- Numbers of features that tell domains apart were found on the same documents they are stated for; with thousands of
  features, the best of them looks a little better than it is.
- Medical features rest partly on the question format of MedQuAD; the column without it says how far.
- Nothing here is medical advice."""
