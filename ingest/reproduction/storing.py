"""A reproduction as rows: found again by all that it depends on, replaced as a whole."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.stats import spearmanr

from ingest.reproduction.evidence import Result
from ingest.reproduction.faults import Fault
from ingest.reproduction.means import PromptMeans
from ingest.reproduction.moments import Moments
from ingest.reproduction.printed import Printed
from schema import tables
from schema.store import Atlas

OF_RESULT = (tables.reproduction_fault, tables.reproduction_feature, tables.reproduction)

Row = dict[str, object]


@dataclass(frozen=True)
class Reproduced:
    """What was computed: the study's means, the printed list if there is one of the SAE, the faults."""

    means: PromptMeans
    printed: Printed | None
    faults: Sequence[Fault]


def reproduction_hash(atlas: Atlas, result: Result) -> str | None:
    """The hash of the inputs of what is stored of a contrast and an SAE; None where nothing is."""
    rows = atlas.rows("SELECT inputs_hash FROM reproduction WHERE contrast = ? AND sae = ?", list(result))
    return str(rows[0][0]) if rows else None


def store_reproduction(atlas: Atlas, result: Result, header: Row, found: Reproduced) -> None:
    """Replace what is stored of a contrast and an SAE, with this header; to be called inside a transaction."""
    own = dict(zip(("contrast", "sae"), result, strict=True))
    for table in OF_RESULT:
        atlas.rows(f"DELETE FROM {table.name} WHERE contrast = ? AND sae = ?", list(result))
    row = own | header | agreement_with_printed(found.means, found.printed)
    atlas.append(tables.reproduction, pa.Table.from_pylist([row]))
    atlas.append(tables.reproduction_feature, reproduction_rows(result, found.means, found.printed))
    faults = [own | _fault_row(fault) for fault in found.faults]
    atlas.append(tables.reproduction_fault, pa.Table.from_pylist(faults))


def _fault_row(fault: Fault) -> Row:
    row: Row = {"fault": fault.number, "name": fault.name, "shown": fault.shown, "finding": fault.finding}
    return row | {"figures": json.dumps(dict(fault.figures), allow_nan=False)}


def agreement_with_printed(means: PromptMeans, printed: Printed | None) -> Row:
    """How far a printed list is met by the one made here; empty where there is none."""
    if printed is None:
        return {}
    here = means.printed()
    place = {feature: place for place, feature in enumerate(here.tolist(), start=1)}
    pairs = [(row, place[feature]) for row, feature in enumerate(printed.feature.tolist(), start=1) if feature in place]
    inside = printed.feature < len(means.difference())
    printed_means = np.stack([printed.positive, printed.control, printed.difference])
    here_means = np.stack([*(means.means(bos=True, positive=side) for side in (True, False)), means.difference()])
    apart = np.abs(here_means[:, printed.feature[inside]] - printed_means[:, inside])
    rho = float(spearmanr(*np.array(pairs).T).statistic) if len(pairs) > 2 else np.nan
    return {
        "printed_rows": len(printed),
        "printed_shared": len(pairs),
        "printed_in_place": sum(one == other for one, other in pairs),
        "rank_correlation": rho if np.isfinite(rho) else None,
        "largest_deviation": float(apart.max()) if inside.any() else None,
    }


def reproduction_rows(result: Result, means: PromptMeans, printed: Printed | None) -> pa.Table:
    """The rows of reproduction_feature: features that fire on any prompt, or that are printed."""
    columns = {
        "study_positive": means.means(bos=True, positive=True),
        "study_control": means.means(bos=True, positive=False),
        "study_difference": means.difference(),
        "positive_without_bos": means.means(bos=False, positive=True),
        "control_without_bos": means.means(bos=False, positive=False),
    }
    d_sae = len(columns["study_difference"])
    chosen = (columns["study_positive"] > 0) | (columns["study_control"] > 0)
    place, here = np.full(d_sae, np.nan), means.printed()
    place[here] = np.arange(1, len(here) + 1)
    of_print = {name: np.full(d_sae, np.nan) for name in _PRINTED}
    if printed is not None:
        known = printed.feature < d_sae
        index = printed.feature[known]
        chosen[index] = True
        for name, values in zip(_PRINTED, _print_columns(printed), strict=True):
            of_print[name][index] = values[known]
    whole = {"place": pa.int16(), "printed_number": pa.int32(), "printed_place": pa.int16()}
    features = np.flatnonzero(chosen)
    arrays = {
        name: pa.array(values[features], mask=~np.isfinite(values[features])).cast(whole.get(name, pa.float64()))
        for name, values in (columns | {"place": place} | of_print).items()
    }
    keys = {name: np.full(len(features), key, np.int16) for name, key in zip(("contrast", "sae"), result, strict=True)}
    return pa.table(keys | {"feature": features.astype(np.int32)} | arrays)


_PRINTED = ("printed_number", "printed_place", "printed_positive", "printed_control", "printed_difference")


def _print_columns(printed: Printed) -> Sequence[np.ndarray]:
    places = np.arange(1, len(printed) + 1, dtype=np.float64)
    return printed.number.astype(np.float64), places, printed.positive, printed.control, printed.difference


def store_moments(atlas: Atlas, sae: int, found: Moments) -> None:
    """Replace the study's moments of an SAE's features; to be called inside a transaction."""
    atlas.rows("DELETE FROM study_moment WHERE sae = ?", [sae])
    columns = {"logit_std": found.std, "logit_skewness": found.skewness, "logit_kurtosis": found.kurtosis}
    arrays = {name: pa.array(values, mask=~np.isfinite(values)) for name, values in columns.items()}
    keys = {"sae": np.full(len(found.std), sae, np.int16), "feature": np.arange(len(found.std), dtype=np.int32)}
    atlas.append(tables.study_moment, pa.table(keys | arrays))
