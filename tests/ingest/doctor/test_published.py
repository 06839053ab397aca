"""The published values that ship: whole, within what the real model and SAEs have, each with a source and a licence."""

import json
from importlib.resources import files

import pytest

from ingest.doctor.corpora import registry_figures
from ingest.doctor.expected import FIELDS, Expected, Published, published_values
from ingest.doctor.kinds import KINDS, tolerances_apart
from ingest.doctor.study import NEAR_TIES, expected_with_printed_study
from tests.made.gpt2_small import D_MODEL, D_SAE, VOCABULARY

RELEASE = "gpt2-small-res-jb"
EXACT = ("strongest", "prompts", "candidates", "moments")
"""Kinds of whole numbers, which are the same or others."""


@pytest.fixture(scope="module")
def known() -> Published:
    return expected_with_printed_study(published_values(RELEASE))


def numbers(entry: Expected) -> list[int]:
    """The features that an entry names."""
    named = [entry.get("feature"), *entry.get("features", ())]
    named += [each for pairs in ("nearest", "means") for each, _ in entry.get(pairs, ())]
    return [each for each in named if each is not None]


def test_each_value_is_of_the_real_model_and_has_a_source(known: Published) -> None:
    assert known.release == RELEASE
    assert {entry.kind for entry in known.entries} | {"quality"} == set(FIELDS) == set(KINDS)
    assert all({"what", "address", "licence"} <= set(source) for source in known.sources.values())
    for entry in known.entries:
        assert entry.source in known.sources
        assert all(0 <= number < D_SAE for number in numbers(entry)), entry
        assert all(0 <= dimension < D_MODEL for dimension, _ in entry.get("entries", ())), entry
        assert entry.sae_id is None or registry_figures(RELEASE, entry.sae_id), entry


def test_tokens_are_those_of_the_vocabulary_and_no_text_is_more_than_one(known: Published) -> None:
    vocabulary = json.loads((VOCABULARY / "encoder.json").read_text(encoding="utf-8"))
    named = [pair for entry in known.entries for each in ("places", "weights") for pair in entry.get(each, ())]
    assert len(named) > 150
    for token, text, *_ in named:
        assert token in (vocabulary.get(text.replace(" ", "Ġ")), vocabulary.get(text)), text


def test_what_is_expected_is_as_it_was_published(known: Published) -> None:
    for entry in known.entries:
        wanted = KINDS[entry.kind].wanted(entry)
        assert tolerances_apart(entry, wanted) == 0
        if not isinstance(wanted, str) and entry.kind not in EXACT:
            assert entry.tolerance > 0
            assert (
                tolerances_apart(entry, [value + 2 * (entry.tolerance + entry.share * abs(value)) for value in wanted])
                > 1
            )
            assert tolerances_apart(entry, [value + 0.9 * entry.tolerance for value in wanted]) < 1


def test_a_list_may_end_in_other_features_and_no_more(known: Published) -> None:
    for entry in known.entries:
        if entry.kind in NEAR_TIES:
            features, spare = list(entry["features"]), int(NEAR_TIES[entry.kind])
            others = [-1, -2, -3]
            assert tolerances_apart(entry, features[::-1]) == 0
            assert tolerances_apart(entry, features[:-spare] + others[:spare]) == 1
            assert tolerances_apart(entry, features[: -spare - 1] + others[: spare + 1]) > 1
            assert tolerances_apart(entry, features[: -spare - 1]) > 1


def test_what_the_study_printed_is_of_the_saes_that_it_measured_and_loaded(known: Published) -> None:
    of = {sae_id: [e for e in known.of(sae_id) if e.source == "study"] for sae_id in known.sae_ids}
    measured, loaded = of["blocks.8.hook_resid_pre"], of["blocks.0.hook_resid_pre"]
    assert sum(map(len, of.values())) == len(measured) + len(loaded)
    assert {e["list"]: e["count"] for e in measured if e.kind == "prompts"} == {
        "prompts_med": 84,
        "prompts_no_med": 86,
        "prompts_health": 104,
    }
    positive, control = (dict(e["means"]) for e in measured if e.kind == "means")
    assert positive[10275] - control[10275] == pytest.approx(0.190271, abs=1e-6)
    (candidates,) = (e for e in measured if e.kind == "candidates")
    assert len(candidates["features"]) == 40 and candidates["features"][0] == 10275
    assert [len(e["features"]) for e in loaded] == [10] * 6


def test_the_registry_says_l0_and_variance_where_it_knows_them() -> None:
    l0, variance = registry_figures(RELEASE, "blocks.8.hook_resid_pre")
    assert (l0["figure"], l0["value"], variance["figure"], variance["value"]) == ("l0", 60, "explained_variance", 0.9)
    assert registry_figures("no release", "blocks.8.hook_resid_pre") == registry_figures(RELEASE, "no id") == []


def test_files_of_a_release_bear_its_name() -> None:
    folder = files("ingest.doctor").joinpath("published")
    for file in folder.iterdir():
        assert published_values(file.name.removesuffix(".json")).release == file.name.removesuffix(".json")
    assert not published_values("no release").entries
