"""SAEDashboard's output: batch-N.json, a feature's dashboard after the other.

FOLDER/MODEL/SOURCE/batch-N.json        256 features each

Source: github.com/jbloomAus/SAEDashboard: sae_dashboard/neuronpedia/neuronpedia_dashboard.py, neuronpedia_converter.py.
"""

import json
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from atlas.exchange import Wanted
from atlas.exchange.metadata import metadata_lines
from atlas.exchange.neuronpedia import CREATOR
from atlas.exchange.published import Published, export_folder_names
from atlas.exchange.records import FeatureRecord, Window, dashboard_fields, feature_records
from ingest.jobs.progress import Progress, Report
from schema.store import Atlas

FEATURES_A_FILE = 256


def write(atlas: Atlas, folder: Path, wanted: Wanted, report: Report) -> list[str]:
    """Write SAEs as SAEDashboard does; a line for each.

    Raises:
        SelectionError: two of them have one name.
    """
    return [_write_sae(atlas, folder, own, report) for own in export_folder_names(atlas, wanted.keys(atlas))]


def _write_sae(atlas: Atlas, folder: Path, own: Published, report: Report) -> str:
    place = folder / own.model / own.source
    place.mkdir(parents=True)
    source = metadata_lines(atlas, own, CREATOR, "")["source"]
    shared = {
        "n_prompts_total": source["num_prompts"],
        "n_tokens_in_prompt": source["num_tokens_in_prompt"],
        "dataset": source["dataset"],
    }
    head = {"model_id": own.model, "layer": own.layer, "sae_set": own.set_name, "sae_id_suffix": None}
    ((total,),) = atlas.rows("SELECT COUNT(*) FROM feature WHERE sae = ?", [own.sae])
    records, done, windows = feature_records(atlas, own.sae), 0, 0
    for number in range(-(-total // FEATURES_A_FILE)):
        with (place / f"batch-{number}.json").open("w", encoding="utf-8") as file:
            file.write(_json(head)[:-1] + ',"features":[')
            for ordinal, record in enumerate(islice(records, FEATURES_A_FILE)):
                file.write(("," if ordinal else "") + _json(dashboard(record, shared)))
                done, windows = done + 1, windows + len(record.windows)
                report(Progress(own.label, done, total, "features"))
            file.write("]}\n")
    return f"{own.model}/{own.source}: {done:,} features, {windows:,} windows of {own.label}"


def dashboard(record: FeatureRecord, shared: Mapping[str, Any]) -> dict[str, Any]:
    """A feature as SAEDashboard writes it, with what all of a file share; what an atlas does not hold is empty."""
    found = {
        "feature_index": record.feature,
        **dashboard_fields(record),
        "correlated_features_indices": [],
        "correlated_features_l1": [],
        "correlated_features_pearson": [],
        **shared,
        "activations": _sequences(record.windows),
    }
    return found | {name: value for name, value in record.said.items() if name in found}


def _sequences(windows: Iterable[Window]) -> list[dict[str, Any]]:
    return [
        {
            "bin_min": window.bin_min,
            "bin_max": window.bin_max,
            "bin_contains": window.bin_contains,
            "tokens": window.tokens,
            "values": window.values,
            "qualifying_token_index": window.peak,
            "dfa_values": [],
            "dfa_maxValue": 0,
            "dfa_targetIndex": -1,
        }
        for window in windows
    ]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
