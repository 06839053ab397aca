"""Labels and scores into the tables feature_label and label_score, and out of them.

Those that rest on documents which have gone say so until they are made and scored again.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import pyarrow as pa
from sqlalchemy import Table

from ingest.labels.asked.wording import Worded
from ingest.labels.made.making import Made
from ingest.labels.scored.scoring import Label, Scored
from schema import tables
from schema.store import Atlas

AUTOMATIC = "automatic"
WORDED = "language model"
OWN = "atlas"
"""The source of labels that were made from the atlas itself."""


def count_stored_labels_made_from(atlas: Atlas, sae: int, documents_sha256: str) -> int | None:
    """How many automatic labels of an SAE are stored that were made from these documents; None where they were not."""
    rows = atlas.rows(
        "SELECT COUNT(*), COUNT(*) FILTER (source_sha256 = ?) FROM feature_label WHERE sae = ? AND method = ?",
        [documents_sha256, sae, AUTOMATIC],
    )
    (held, same) = rows[0]
    return int(held) if held and held == same else None


def replace_automatic_labels(atlas: Atlas, sae: int, made: Sequence[Made], run: int, documents_sha256: str) -> None:
    """Store the automatic labels of an SAE in the place of older ones; to be called inside a transaction."""
    key = atlas.next_key(tables.feature_label)
    theirs = "feature_label IN (SELECT feature_label FROM feature_label WHERE sae = ? AND method = ?)"
    for table in (tables.label_score, tables.feature_label):
        atlas.rows(f"DELETE FROM {table.name} WHERE {theirs}", [sae, AUTOMATIC])
    shared = {"sae": sae, "method": AUTOMATIC, "source": OWN, "source_sha256": documents_sha256, "ingest_run": run}
    shared["created_at"] = datetime.now(UTC).replace(tzinfo=None)
    rows = (
        {
            **shared,
            "feature_label": key + place,
            "feature": label.feature,
            "label": label.label,
            "kind": label.kind,
            "words": json.dumps(label.words, ensure_ascii=False),
            "contexts": label.contexts,
        }
        for place, label in enumerate(made)
    )
    append_labels(atlas, tables.feature_label, rows)


def add_worded_labels(atlas: Atlas, sae: int, worded: Worded, model: str, shared: Mapping[str, object]) -> None:
    """Store a label that a language model worded, in the place of one that it worded before; inside a transaction.

    `shared` has source_sha256 and ingest_run.
    """
    key = atlas.next_key(tables.feature_label)
    before = [sae, worded.feature, WORDED, model]
    theirs = "SELECT feature_label FROM feature_label WHERE sae = ? AND feature = ? AND method = ? AND model = ?"
    for table in (tables.label_score, tables.feature_label):
        atlas.rows(f"DELETE FROM {table.name} WHERE feature_label IN ({theirs})", before)
    row = {
        **shared,
        "feature_label": key,
        "sae": sae,
        "feature": worded.feature,
        "label": worded.label,
        "method": WORDED,
        "kind": "text",
        "words": json.dumps(worded.words, ensure_ascii=False),
        "model": model,
        "created_at": datetime.now(UTC).replace(tzinfo=None),
        "source": OWN,
        "contexts": worded.contexts,
        "prompt": worded.prompt,
        "answer": worded.answer,
    }
    append_labels(atlas, tables.feature_label, [row])


def labels_of_sae(atlas: Atlas, sae: int) -> list[Label]:
    """Every label of an SAE, by feature."""
    rows = atlas.rows(
        """
        SELECT feature_label, feature, method, words, source = ?, ingest_run, label
        FROM feature_label
        WHERE sae = ?
        ORDER BY feature, feature_label
        """,
        [OWN, sae],
    )
    return [
        Label(key, feature, method, tuple(json.loads(words)), own, run, text)
        for key, feature, method, words, own, run, text in rows
    ]


def unscored_labels(atlas: Atlas, sae: int, judge: str, documents_sha256: str) -> set[int]:
    """The labels of an SAE that the judge has not scored on these documents."""
    rows = atlas.rows(
        """
        SELECT feature_label
        FROM feature_label
        WHERE sae = ?
          AND feature_label NOT IN (SELECT feature_label FROM label_score WHERE judge = ? AND documents_sha256 = ?)
        ORDER BY feature_label
        """,
        [sae, judge, documents_sha256],
    )
    return {int(key) for (key,) in rows}


def replace_scores(atlas: Atlas, scored: Sequence[Scored], shared: Mapping[str, object]) -> None:
    """Store scores in the place of older ones of the same judge; to be called inside a transaction.

    `shared` has judge, ingest_run and documents_sha256.
    """
    with atlas.registered(scored=pa.table({"feature_label": [score.label for score in scored]})):
        atlas.rows(
            "DELETE FROM label_score WHERE judge = ? AND feature_label IN (SELECT feature_label FROM scored)",
            [shared["judge"]],
        )
    append_labels(atlas, tables.label_score, ({**shared, **_columns(score)} for score in scored))


def _columns(score: Scored) -> dict[str, object]:
    return {
        "feature_label": score.label,
        "negatives": score.negatives,
        "firing": score.contexts[0],
        "silent": score.contexts[1],
        "firing_groups": score.groups[0],
        "silent_groups": score.groups[1],
        "reason": score.reason,
        "prompt": score.prompt,
        "answer": score.answer,
        **(asdict(score.detection) if score.detection else {}),
        **(asdict(score.null) if score.null else {}),
    }


def append_labels(atlas: Atlas, table: Table, rows: Iterable[Mapping[str, object]]) -> None:
    """Append rows that may lack columns; these are NULL."""
    names = [column.name for column in table.columns]
    columns: dict[str, list[object]] = {name: [] for name in names}
    for row in rows:
        for name in names:
            columns[name].append(row.get(name))
    atlas.append(table, pa.table(columns))


STALE = ""
"""Stands for the hash of what was read."""

THEIRS = "sae IN (SELECT DISTINCT sae FROM coverage WHERE document IN (SELECT unnest($doomed)))"


def mark_stale_labels(atlas: Atlas, doomed: Collection[int]) -> None:
    """Mark what rests on any of these documents, which still exist; to be called inside a transaction."""
    values = {"doomed": list(doomed)}
    atlas.rows(
        f"""
        UPDATE label_score
        SET documents_sha256 = '{STALE}'
        WHERE feature_label IN (SELECT feature_label FROM feature_label WHERE {THEIRS})
        """,
        values,
    )
    atlas.rows(f"UPDATE feature_label SET source_sha256 = '{STALE}' WHERE source = '{OWN}' AND {THEIRS}", values)
