"""What lies beside the weights: the model card, and whom the text is owed to."""

from __future__ import annotations

import csv
import importlib.resources
import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from ingest.pocket.recipe.budget import training_dtype
from ingest.pocket.recipe.corpus import TrainingDocument
from ingest.pocket.recipe.division import GRAM
from ingest.pocket.recipe.meaning import LEAST_AUROC, LEAST_LIFT, LEAST_PARENTS, LEAST_WORDS, MOST_DENSITY

HEADER = ("source", "licence", "id", "title")


def card_sources_table() -> list[dict[str, str]]:
    """Address, commit, licence and attribution of every source that may be trained on."""
    text = importlib.resources.files(__package__).joinpath("sources.tsv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), delimiter="\t"))


def write_card_attribution(documents: Iterable[TrainingDocument], titles: str | None, path: Path) -> None:
    """A row a source that was trained on, and a row a work of it where the works are named one by one."""
    names = {(document.source, document.doc_id.partition(":")[2].partition("#")[0]) for document in documents}
    used, works = {source for source, _ in names}, {work for _, work in names}
    rows = [(row["source"], row["licence"], row["address"], row["attribution"]) for row in card_sources_table()]
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
    """What the files of a run say: points of the loss, tokens and wall time of each stage, and what was tried."""
    model, saes = _curve(out / "curve.jsonl"), _curve(out / "sae" / "curve.jsonl")
    every = max(len(model) // 12, 1)
    trials = out / "trials" / "rows.json"
    tried = json.loads(trials.read_text(encoding="utf-8")) if trials.exists() else []
    return {"model": model[-1:], "points": model[::every] + model[-1:], "sae": saes[-1:], "trials": tried}


def _curve(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def model_card(figures: dict[str, Any], command: str, log: dict[str, Any]) -> str:
    """The model card in Markdown, every number taken from the figures and the curves."""
    tried = [_tried(log["trials"])] if log["trials"] else []
    return "\n\n".join((_opening(figures), _recipe(command, log), *tried, _judged(figures)))


def renewed_card(card: str, figures: dict[str, Any]) -> str:
    """A card as it was up to its figures, and these figures."""
    before, heading, _ = card.partition("## Quality\n")
    if not heading:
        raise ValueError("this is no card of the recipe: it has no heading '## Quality'")
    return before + _judged(figures)


def _judged(figures: dict[str, Any]) -> str:
    return "\n\n".join((_quality(figures), _meaning(figures), _data(), LIMITS)) + "\n"


def _opening(figures: dict[str, Any]) -> str:
    hooks = ", ".join(f"`{name}`" for name in figures["hooks"])
    features = max(hook["features"] for hook in figures["hooks"].values())
    return f"""# pocket

A GPT-2 of 6 blocks and 256 dimensions with its own byte-level BPE of 8,192 tokens (`gpt2/`, a Hugging Face folder)
and a sparse autoencoder of {features:,} features at {hooks} (`sae/`, SAELens folders).
It is the embedded default: small enough to ship, and there so that everything can be tried without a network.
Conclusions about language models want GPT-2 small, which is one option away.

Load both in float32 (the files are float16). The autoencoders read the residual stream as Hugging Face computes it:
nothing centred, nothing folded. Every context begins with `<|endoftext|>` (id 0) and is at most 128 tokens long."""


def _recipe(command: str, log: dict[str, Any]) -> str:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores"
    lines = ["## Recipe", "", f"    python -m ingest.pocket.recipe {command}", ""]
    lines.append(f"Hardware: {device} ({platform.machine()}), shared with other work. PyTorch {torch.__version__}.")
    dtype = str(training_dtype("cuda" if torch.cuda.is_available() else "cpu")).removeprefix("torch.")
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


def _tried(rows: list[dict[str, Any]]) -> str:
    """What came of each trial, domain by domain."""
    domains = sorted({domain for row in rows for domain in row["domains"]})
    lines = [
        "## What was tried",
        "",
        f"Autoencoders of `{rows[0]['hook']}`, trained alike but for what is named. Features are chosen on one half "
        "of the choosing part, by work, and counted on the other; the judging part has no say. For each domain: how "
        f"many hold {LEAST_AUROC:.2f}, and of these, how many fire {LEAST_LIFT:.0f} times as often in it as elsewhere "
        f"and on at least {LEAST_WORDS} different words. All figures are of first windows.",
        "",
        "| trial | k | features | ridge | balance | activations | explained variance | L0 | dead | recovered | "
        + " | ".join([*domains, "all"])
        + " |",
        "|---|" + "---:|" * (len(domains) + 10),
    ]
    for row in rows:
        found = [row["domains"][domain] for domain in domains]
        cells = [f"{each['held']}, {each['clear']}" for each in found]
        total = f"{sum(each['held'] for each in found)}, {sum(each['clear'] for each in found)}"
        lines.append(
            f"| {row['name']} | {row['k']:g} | {row['features']:,} | {row['ridge']:.3g} | {row['balance']:g} "
            f"| {row['activations']:,} | {row['explained_variance']:.3f} | {row['l0']:.1f} "
            f"| {row['dead']:.1%} | {row['ce_recovered']:.3f} | " + " | ".join([*cells, total]) + " |"
        )
    return "\n".join(lines)


def _quality(figures: dict[str, Any]) -> str:
    margin = figures["bigram_bits_per_byte"] - figures["bits_per_byte"]
    lines = [
        "## Quality",
        "",
        _parts(figures),
        "",
        f"On the judging part ({figures['documents']} documents, {figures['tokens']:,} tokens, {figures['bytes']:,} "
        "bytes), cut into windows of BOS and 127 tokens that do not overlap:",
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


def _parts(figures: dict[str, Any]) -> str:
    """How the text is cut, in parents and in documents."""
    counts = [
        f"{sum(parents for parents, _ in figures[name].values())} works "
        f"({sum(pieces for _, pieces in figures[name].values())} documents)"
        for name in ("choosing", "judging")
    ]
    division, copied = figures["division"], figures["copied"]
    taken = (
        f" To have more works of a domain, {division['taken']} were taken out of the training files before anything "
        f"was trained, by the hashes of their names; {division['dropped']} of their documents were copies and left out."
        if division["taken"]
        else ""
    )
    return (
        "The validation text is cut in two by work (a book, a law, a sitting, an article): no work has documents in "
        f"both parts.{taken} {counts[0]} are for choosing features, {counts[1]} for judging; every figure below is of "
        f"the judging part. Of its runs of {GRAM} words, {copied['mean']:.1%} stand somewhere in the training text "
        f"(the mean over documents); in {copied['over_a_tenth']} documents more than a tenth do."
    )


def _meaning(figures: dict[str, Any]) -> str:
    lines = [
        "## Meaning",
        "",
        "Features whose maximum over a document's first 127 tokens tells its domain from all others: chosen with an "
        f"AUROC of at least {LEAST_AUROC:.2f} and a density under {MOST_DENSITY:.0%} on the choosing part, and how "
        f"many of them hold {LEAST_AUROC:.2f} on the judging part; of these, in brackets, how many fire over "
        f"{LEAST_LIFT:.0f} times as often on the domain's words as on others, and on at least {LEAST_WORDS} different "
        "words; then the first one chosen with its AUROC there, and its 95 % interval by work. A domain with fewer "
        f"than {LEAST_PARENTS} works in a part is not judged.",
        "",
    ]
    names = list(figures["hooks"])
    tables = [{row["domain"]: row for row in figures["hooks"][name]["domains"]} for name in names]
    lines.append("| domain | works | documents | " + " | ".join(f"`{name}`" for name in names) + " |")
    lines.append("|---|---:|---:|" + "---|" * len(names))
    for domain, (parents, pieces) in figures["judging"].items():
        judged = domain in tables[0]
        cells = [_cell(table[domain]) if judged else "too few works" for table in tables]
        lines.append(f"| {domain} | {parents} | {pieces} | " + " | ".join(cells) + " |")
    for name in names:
        lines += ["", *_medical(name, figures["hooks"][name])]
    return "\n".join(lines)


def _cell(row: dict[str, Any]) -> str:
    return f"{row['held']} of {row['chosen']} ({row['clear']}); {row['best_feature']}: {_area(row['best'])}"


def _area(area: list[float] | None) -> str:
    """An AUROC with its interval."""
    return f"{area[0]:.3f} ({area[1]:.3f} to {area[2]:.3f})" if area else "unknown"


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
        areas = f"{_area(row['auroc'])} | {_area(row['without_templated'])}"
        lines.append(f"| {row['feature']} | {areas} | {row['words']} | {words} |")
    by_source = ", ".join(map(_source_area, hook["medical_sources"]))
    return [*lines, "", f"By source, feature {hook['medical'][0]['feature']}: {by_source}."]


def _source_area(row: dict[str, Any]) -> str:
    """An AUROC on one source; without an interval where too few works carry it."""
    area = _area(row["auroc"]) if row["parents"] >= LEAST_PARENTS else f"{row['auroc'][0]:.3f}"
    return f"{area} on {row['source']} ({row['parents']} work{'s' * (row['parents'] != 1)})"


def _data() -> str:
    lines = ["## Data and licences", ""]
    lines += ["No share-alike source was trained on. `ATTRIBUTION.tsv` names single works.", ""]
    lines += ["| source | commit | licence | whom to thank | changes |", "|---|---|---|---|---|"]
    for row in card_sources_table():
        source = f"[{row['source']}]({row['address']})"
        cells = (source, row["commit"], row["licence"], row["attribution"], row["changes"])
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


LIMITS = """## Limits

- Text to 1928 for most fiction, US law and government, health information for laypeople: the model knows little else.
- Contexts of 128 tokens; English only; it writes badly and is not meant to write.
- Medical features rest partly on the question format of MedQuAD, and "medical" is largely encyclopaedic prose: the
  column without MedQuAD and the AUROC by source say how far.
- Nothing here is medical advice."""
