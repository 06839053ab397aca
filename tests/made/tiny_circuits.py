"""Planted circuits of the tiny atlas: round values that can be followed by hand."""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

Row = dict[str, Any]

LAYERS, HEADS = 3, 2
PAIRS = ((0, 6, 0, 1), (1, 7, 1, 4), (4, 10, 1, 4))
"""Clean and corrupted document, SAE and feature of each patched pair; a last one reads a logit that hardly differs."""
POSITION = 2
TAKEN_APART = ((0, 0, 1), (1, 0, 1), (1, 1, 4))
"""Document, SAE and feature of each direct attribution."""
MEASURES = ("bos", "previous", "same", "induction", "term", "entropy")


def circuit_rows(documents: list[Row]) -> dict[str, list[Row]]:
    """Rows of the circuits' tables; a word is a token."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for clean, corrupted, sae, feature in PAIRS:
        _add_pair(rows, (documents[clean], documents[corrupted]), {"sae": sae, "feature": feature})
    _add_pair(rows, (documents[0], documents[6]), {"target_id": 3, "target": " a"})
    for document, sae, feature in TAKEN_APART:
        _add_direct(rows, documents[document], sae, feature)
    _add_attention(rows, documents)
    return rows


def _words(document: Row) -> list[str]:
    first, *others = document["text"].split(" ")
    return [first, *(f" {word}" for word in others)][:POSITION]


def _add_pair(rows: dict[str, list[Row]], pair: tuple[Row, Row], read: Row) -> None:
    key, of_feature = len(rows["patch_pair"]), "sae" in read
    clean, corrupted = (8.0 + key, 2.0) if of_feature else (1.0, 1.0)
    nothing = dict.fromkeys(("sae", "feature", "target_id", "target", "against_id", "against"))
    texts = ["".join(_words(document)) for document in pair]
    row = {
        "patch_pair": key,
        "ingest_run": 0,
        "model": 0,
        "metric": "pre_activation" if of_feature else "logit",
        **nothing,
        **read,
        "template": pair[0]["template"],
        "document": pair[0]["document"],
        "corrupted_document": pair[1]["document"],
        "clean_text": texts[0],
        "corrupted_text": texts[1],
        "clean_tokens": json.dumps(_words(pair[0])),
        "corrupted_tokens": json.dumps(_words(pair[1])),
        "first_position": 1,
        "position": POSITION,
        "clean_value": clean,
        "corrupted_value": corrupted,
        "least_difference": 0.01,
        "denoised_agreement": 0.75,
        "noised_agreement": None if key == 2 else 0.5,
        "identity": f"{key:064}",
    }
    rows["patch_pair"].append(row)
    for number, site in enumerate(_sites(read.get("sae", 2))):
        rows["patch_effect"].append({"patch_pair": key, "site": number, **site, **_effects(row, site)})


def _sites(sae: int) -> Iterable[Row]:
    """Hook points before the SAE's, each at every position and one by one; features of the first SAE, if it is not."""
    last = sae + 1
    places: list[tuple[str, int, int | None]]
    places = [(kind, layer, None) for layer in range(last) for kind in ("resid_pre", "attn_out", "mlp_out")]
    places += [("z", layer, head) for layer in range(last) for head in range(HEADS)]
    places += [("resid_pre", last, None)] if last < LAYERS else []
    for kind, layer, head in places:
        for position in (None, *range(1, POSITION + 1)):
            site = {"kind": kind, "layer": layer, "head": head, "position": position}
            yield site | {"sae": None, "feature": None}
    for feature in (1, 2, 10) if sae else ():
        site = {"kind": "feature", "layer": 1, "head": None, "position": 1}
        yield site | {"sae": 0, "feature": feature}


def _effects(pair: Row, site: Row) -> Row:
    """All by the whole stream; a half by head 1 of block 0, by MLPs a quarter, by others an eighth, and more near."""
    share = 0.5 if site["kind"] == "z" and (site["layer"], site["head"]) == (0, 1) else 0.125
    share = {"resid_pre": 1.0, "mlp_out": 0.25, "feature": 1 / (site["feature"] or 1)}.get(site["kind"], share)
    if site["position"] is not None and site["kind"] != "feature":
        share *= site["position"] / 4
    clean, corrupted = pair["clean_value"], pair["corrupted_value"]
    values = {"denoised": corrupted + share * (clean - corrupted), "noised": clean - share * (clean - corrupted)}
    found: Row = {}
    for way, value in values.items():
        effect = None if clean == corrupted else (value - corrupted) / (clean - corrupted)
        found |= {way: value, f"{way}_effect": effect, f"{way}_estimate": value + 0.25}
    return found


def _add_direct(rows: dict[str, list[Row]], document: Row, sae: int, feature: int) -> None:
    key = len(rows["direct_attribution"])
    parts: list[Row] = [{"kind": "token", "value": 2.0}, {"kind": "position", "value": -0.5}]
    for layer in range(sae + 1):
        parts += [
            {"kind": "head", "layer": layer, "head": head, "source": source, "value": (head - 0.25 + layer) / 2**source}
            for head in range(HEADS)
            for source in range(POSITION + 1)
        ]
        parts += [{"kind": "mlp", "layer": layer, "value": 1.0 + layer}]
        parts += [{"kind": "attention_bias", "layer": layer, "value": 0.0625}]
    parts.append({"kind": "encoder_bias", "value": -1.0 - key})
    empty = {"layer": None, "head": None, "source": None}
    rows["direct_part"] += [
        {"direct_attribution": key, "part": number, **empty, **part} for number, part in enumerate(parts)
    ]
    rows["attention_pair"] += [
        {"direct_attribution": key, "layer": 0, "head": head, "query": 2, "source": source}
        | {"weight": 0.25 + source / 4, "value": (1 - 2 * head) * (source + 1) / 4}
        for head in range(HEADS)
        for source in range(POSITION + 1)
        if source < 2 or head
    ]
    rows["direct_attribution"].append(
        {
            "direct_attribution": key,
            "ingest_run": 0,
            "sae": sae,
            "feature": feature,
            "document": document["document"],
            "ordinal": 0,
            "text": "".join(_words(document)),
            "tokens": json.dumps(_words(document)),
            "first_position": 1,
            "position": POSITION,
            "pre_activation": sum(part["value"] for part in parts),
            "residual": 0.0,
            "pair_total": 1.5,
            "identity": f"{key:064}",
        }
    )


def _add_attention(rows: dict[str, list[Row]], documents: list[Row]) -> None:
    cells = [(layer, head) for layer in range(LAYERS) for head in range(HEADS)]
    own = {"model": 0, "tokenization": 0}
    for document in documents:
        for layer, head in cells:
            place = {"document": document["document"], "layer": layer, "head": head}
            rows["attention_summary"].append(own | place | _measures(document, layer, head))
    for corpus in sorted({document["corpus"] for document in documents}):
        inside = {document["document"] for document in documents if document["corpus"] == corpus}
        for layer, head in cells:
            found = [
                row
                for row in rows["attention_summary"]
                if row["document"] in inside and (row["layer"], row["head"]) == (layer, head)
            ]
            place = {"corpus": corpus, "layer": layer, "head": head, "documents": len(found)}
            rows["attention_head"].append(own | place | {name: _mean(found, name) for name in MEASURES})
    for sae in range(2):
        rows["attention_contrast"] += [_compared(sae, layer, head) for layer, head in cells]


def _measures(document: Row, layer: int, head: int) -> Row:
    """Head 1 of block 2 looks at the term, head 0 of block 1 at the token before; every other at BOS."""
    term = None if document["term"] is None else 0.75 if (layer, head) == (2, 1) else 0.125
    previous = 0.875 if (layer, head) == (1, 0) else 0.0625 * (1 + document["document"] % 3)
    repeated = 0.25 if document["document"] == 5 else None
    return {
        "bos": 0.0625 if (layer, head) in ((2, 1), (1, 0)) else 0.5,
        "previous": previous,
        "same": repeated,
        "induction": None if repeated is None else repeated / 2,
        "term": term,
        "entropy": 0.5 + layer / 4 + head / 8,
    }


def _mean(found: list[Row], name: str) -> float | None:
    values = [row[name] for row in found if row[name] is not None]
    return sum(values) / len(values) if values else None


def _compared(sae: int, layer: int, head: int) -> Row:
    place = {"contrast": 0, "sae": sae, "layer": layer, "head": head, "measure": "previous"}
    means = {"documents_positive": 6, "documents_control": 6, "mean_positive": 0.5, "mean_control": 0.25}
    p = 2.0 ** -(1 + layer + 3 * head)
    alike = {"auroc_length": 0.5 + layer / 16 if head else None, "p_length": 2 * p if head else None}
    return place | means | {"auroc": 0.5 + layer / 8, "p": p, "q": min(1.0, 2 * p)} | alike
