"""Features as programs ask for them, in Neuronpedia's shape and in circuit-tracer's."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atlas.exchange import Wanted, export
from tests.atlas.exchange.test_export import lines
from tests.made.activation_pages import Served, serving
from tests.made.tiny_atlas import FEATURES

SCHEMAS = Path(__file__).resolve().parents[5] / "shared" / "realdata" / "neuronpedia"
TYPES: dict[str, Any] = {"object": dict, "array": list, "string": str, "number": (int, float)}


@pytest.fixture(scope="module")
def served(tiny_snapshot: Path) -> Iterator[Served]:
    with serving(tiny_snapshot) as found:
        yield found


@pytest.fixture(scope="module")
def exported(tiny: Path) -> Path:
    folder = tiny.parent / "exported"
    export(tiny, "neuronpedia", folder, Wanted())
    return folder / "tiny"


@pytest.mark.parametrize("source", ["1-res", "2-res-tiny"])
def test_a_feature_is_what_an_export_for_neuronpedia_says(served: Served, exported: Path, source: str) -> None:
    rows = {part: lines(exported / source / part) for part in ("features", "activations", "explanations")}
    for feature in range(FEATURES):
        held = served.get(f"/api/feature/tiny/{source}/{feature}").json()
        (line,) = (row for row in rows["features"] if row["index"] == str(feature))
        assert {name: held[name] for name in line} == line
        for part in ("activations", "explanations"):
            known = [row for row in rows[part] if row["index"] == str(feature)]
            names = list(rows[part][0])
            assert [{name: row[name] for name in names} for row in held[part]] == known


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a value is as a schema of draft 7 says, as far as types, members and elements go."""
    if "type" in schema and (not isinstance(value, TYPES[schema["type"]]) or isinstance(value, bool)):
        return False
    members = schema.get("properties", {})
    if isinstance(value, dict):
        known = all(fits(value[name], members[name]) for name in value.keys() & members.keys())
        return known and all(name in value for name in schema.get("required", ()))
    return not isinstance(value, list) or all(fits(each, schema.get("items", {})) for each in value)


def test_the_feature_files_of_graphs_fit_their_schema(served: Served, exported: Path) -> None:
    if not SCHEMAS.is_dir():
        pytest.skip(f"the schemas are not beside the repository: {SCHEMAS}")
    schema = json.loads((SCHEMAS / "feature-details-schema.json").read_text(encoding="utf-8"))
    assert not fits({"index": "1", "examples_quantiles": []}, schema)
    assert not fits({"index": 1, "examples_quantiles": [{"quantile_name": "x"}]}, schema)
    for feature in range(FEATURES):
        assert fits(served.get(f"/api/feature/tiny/1-res/{feature}.json").json(), schema)


def test_a_feature_file_has_the_examples_by_interval(served: Served, exported: Path) -> None:
    shown = [row for row in lines(exported / "1-res" / "activations") if row["index"] == "1"]
    held = served.get("/api/feature/tiny/1-res/1.json").json()
    names = [quantile["quantile_name"] for quantile in held["examples_quantiles"]]
    assert names == ["Top activations", "4 to 8"]
    examples = [example for quantile in held["examples_quantiles"] for example in quantile["examples"]]
    assert examples == [{"tokens": row["tokens"], "tokens_acts_list": row["values"]} for row in shown]
    line = lines(exported / "1-res" / "features")[1]
    assert (held["top_logits"], held["bottom_logits"]) == (line["pos_str"], line["neg_str"])
    assert served.get("/api/feature/tiny/1-res/8.json").json()["examples_quantiles"] == []


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("tiny/7-res/1", "holds no tiny/7-res; it holds: tiny/1-res, tiny/2-res-tiny"),
        ("tiny/1-res/12", "tiny/1-res has no feature 12"),
        ("tiny/1-res/x", "'x' is no index of a feature"),
        ("tiny/1-res/-1.json", "'-1' is no index of a feature"),
    ],
)
def test_what_is_not_there_is_an_error_in_json(served: Served, address: str, message: str) -> None:
    assert message in served.get(f"/api/feature/{address}", 404).json()["error"]
