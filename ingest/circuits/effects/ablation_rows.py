"""Features removed from documents of two sides, judged beside random features, and stored as rows."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.circuits.effects.next_token import rank_among_controls
from ingest.circuits.effects.removal import Losses
from ingest.circuits.effects.two_sides import SIDES, Sets, Texts
from ingest.circuits.tracer import Tracer
from ingest.statistics.paired_rise import Rise, Rises, Sides, paired_rises
from schema import tables
from schema.methods import method_revision
from schema.store import Atlas

Row = dict[str, Any]


@dataclass(frozen=True)
class Ablation:
    """What is removed, of what, and what it is held against."""

    feature: int
    controls: tuple[int, ...]
    sets: Sets
    seed: int

    @property
    def features(self) -> tuple[int, ...]:
        """The feature, then its controls."""
        return (self.feature, *self.controls)


def ablation_identity(tracer: Tracer, ablation: Ablation, texts: Texts) -> str:
    """A hash of all that an ablation depends on."""
    parts = [
        method_revision("ablation"),
        tracer.identity,
        ablation.features,
        ablation.sets,
        ablation.seed,
        texts.sha256,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def stored_ablation(atlas: Atlas, identity: str) -> int | None:
    """The key of the ablation with this identity, if the atlas holds it."""
    rows = atlas.rows("SELECT ablation FROM ablation WHERE identity = ?", [identity])
    return int(rows[0][0]) if rows else None


def store_ablation(atlas: Atlas, tracer: Tracer, ablation: Ablation, texts: Texts, losses: Losses, run: int) -> int:
    """Append an ablation, given its documents' losses; to be called inside a transaction. Its key."""
    sides = Sides(losses.tokens, texts.group, texts.positive)
    rises = [paired_rises(without - losses.clean, sides, ablation.seed) for without in losses.without]
    key, sae = atlas.next_key(tables.ablation), tracer.keys[0].sae
    identity = ablation_identity(tracer, ablation, texts)
    own = {"ablation": key, "ingest_run": run, "sae": sae, "identity": identity, **_own(ablation, texts, rises)}
    effects = [
        {"ablation": key, "random": number, "sae": sae, "feature": feature, **row}
        for number, feature in enumerate(ablation.features)
        for row in _effect_rows(losses, number, sides, rises[number])
    ]
    documents = [{"ablation": key, **row} for row in _document_rows(losses, texts)]
    for table, rows in (
        (tables.ablation, [own]),
        (tables.ablation_effect, effects),
        (tables.ablation_document, documents),
    ):
        atlas.append(table, pa.Table.from_pylist(rows))
    return key


def _own(ablation: Ablation, texts: Texts, rises: list[Rises]) -> Row:
    difference, *others = (each.difference for each in rises)
    return {
        "feature": ablation.feature,
        **dict(zip(SIDES, map(json.dumps, ablation.sets), strict=True)),
        "difference": difference.rise,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "difference_rank": rank_among_controls(difference.rise, [other.rise for other in others]) if others else None,
        "random_features": len(others),
        "seed": ablation.seed,
        "documents_sha256": texts.sha256,
    }


def _effect_rows(losses: Losses, number: int, sides: Sides, rises: Rises) -> list[Row]:
    chosen = dict(zip(SIDES, (sides.positive, ~sides.positive), strict=True))
    held = dict(zip(SIDES, (rises.positive, rises.control), strict=True))
    return [
        {"side": side, **_side_row(losses, number, chosen[side], held[side]), "groups": sides.groups[place]}
        for place, side in enumerate(SIDES)
    ]


def _side_row(losses: Losses, number: int, side: np.ndarray, rise: Rise) -> Row:
    tokens = int(losses.tokens[side].sum())
    loss, without = (float(nats[side].sum()) / tokens for nats in (losses.clean, losses.without[number]))
    return {
        "documents": int(side.sum()),
        "tokens": tokens,
        "active_tokens": int(losses.active[number][side].sum()),
        "loss": loss,
        "loss_without": without,
        "rise": rise.rise,
        "rise_low": rise.low,
        "rise_high": rise.high,
    }


def _document_rows(losses: Losses, texts: Texts) -> list[Row]:
    names = np.where(texts.positive, *SIDES)
    columns = (texts.key, names, losses.tokens, losses.active[0], losses.clean, losses.without[0])
    fields = ("document", "side", "tokens", "active_tokens", "nats", "nats_without")
    return [dict(zip(fields, row, strict=True)) for row in zip(*(each.tolist() for each in columns), strict=True)]
