"""Planted reproductions of the tiny atlas: the list that its contrast makes, and a printed one that is nearly it."""

import json

import pyarrow as pa

from ingest.reproduction.faults import NAMES
from schema import Atlas, tables

SAES = ((0, 1), (1, 0))
"""The SAE measured and the one loaded in its place, of each reproduction; both are of the first contrast."""
NUMBERS = {0: 2, 1: 5}
PRINTED = 3
"""How many features are printed; the second and third change places in print."""
MISPRINT = 0.125
SHOWN = {1: True, 8: False, 10: None}
"""What the data say of some faults; they show the others."""


def fill_reproduction(atlas: Atlas) -> None:
    """Append reproductions of the first contrast; what they list is read off that."""
    for sae, other in SAES:
        rows = _features(atlas, sae)
        _append(atlas, "reproduction", [_header(sae, other, rows)])
        types = pa.schema({"place": pa.int16(), "printed_number": pa.int32(), "printed_place": pa.int16()})
        _append(atlas, "reproduction_feature", rows, types)
        _append(atlas, "reproduction_fault", [_fault(sae, number) for number in NAMES])
        _append(atlas, "study_moment", [_moments(sae, feature) for feature in range(12)])
    _append(atlas, "study_prompt", [_prompt(document) for document in (0, 2, 3)])


def _features(atlas: Atlas, sae: int) -> list[dict[str, object]]:
    """Each feature of the contrast, with its place in the list and in print."""
    sql = """
        SELECT feature, study_positive, study_control, study_difference, mean_positive, mean_control, study_kept
        FROM feature_contrast
        WHERE contrast = 0 AND sae = ?
        ORDER BY study_difference DESC, feature
    """
    rows: list[dict[str, object]] = []
    place = 0
    for feature, *means, kept in atlas.rows(sql, [sae]):
        row = {"contrast": 0, "sae": sae, "feature": feature}
        names = ("study_positive", "study_control", "study_difference", "positive_without_bos", "control_without_bos")
        row |= dict(zip(names, means, strict=True)) | {"place": None, "printed_number": None, "printed_place": None}
        row |= dict.fromkeys(("printed_positive", "printed_control", "printed_difference"))
        if kept:
            place += 1
            row["place"] = place
        if kept and place <= PRINTED:
            row |= {"printed_number": feature + 1, "printed_place": (1, 3, 2)[place - 1]}
            row |= {"printed_positive": means[0] + MISPRINT, "printed_control": means[1]}
            row["printed_difference"] = means[2] + MISPRINT
        rows.append(row)
    return rows


def _append(atlas: Atlas, table: str, rows: list[dict[str, object]], types: pa.Schema | None = None) -> None:
    found = pa.Table.from_pylist(rows)
    for field in types or ():
        place = found.column_names.index(field.name)
        found = found.set_column(place, field, found[field.name].cast(field.type))
    atlas.append(tables.metadata.tables[table], found)


def _header(sae: int, other: int, rows: list[dict[str, object]]) -> dict[str, object]:
    printed = sum(row["printed_place"] is not None for row in rows)
    return {
        "contrast": 0,
        "sae": sae,
        "other_sae": other,
        "matched_contrast": "medical",
        "ingest_run": 0,
        "notebook": "tiny.ipynb",
        "prompts_positive": 6,
        "prompts_control": 6,
        "number": NUMBERS[sae],
        "processing_difference": 0.0,
        "printed_rows": printed,
        "printed_shared": printed,
        "printed_in_place": 1,
        "rank_correlation": 0.5,
        "largest_deviation": MISPRINT,
        "inputs_hash": "d" * 64,
    }


def _fault(sae: int, number: int) -> dict[str, object]:
    row: dict[str, object] = {"contrast": 0, "sae": sae, "fault": number, "name": NAMES[number]}
    figures = json.dumps({"count": number})
    return row | {
        "shown": SHOWN.get(number, True),
        "finding": f"{number} of 10 are planted in {sae}",
        "figures": figures,
    }


def _moments(sae: int, feature: int) -> dict[str, object]:
    still = feature == 11
    row: dict[str, object] = {"sae": sae, "feature": feature, "logit_std": 0.0 if still else feature / 8}
    row |= {"logit_skewness": None if still else feature / 4 - 1}
    return row | {"logit_kurtosis": None if still else 3 + feature / 2}


def _prompt(document: int) -> dict[str, object]:
    looked_at, top = json.dumps([" causes", " a"]), json.dumps(["Asthma", " causes", " lungs"])
    row: dict[str, object] = {"document": document, "model": 0, "tokens": 8, "looked_at": looked_at, "top_tokens": top}
    return row | {"kept": document != 2, "names_first": document == 0}
