"""A feature is (SAE, zero-based index) on every path: no number is shifted, and none is another SAE's.

Three SAEs of one model are read by Hugging Face's model and SAELens' encoder, with no code of the package; each feature
of each has a largest activation of its own there, by which it is known again wherever it comes out.
"""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from atlas.publish import publish
from schema import open_atlas
from tests.made.activation_pages import Served, serving
from tests.made.architectures import N_LAYERS
from tests.made.commands import asked, attempt, run
from tests.made.published_release import D_SAE, Reference, hook, save_release, write_labels

TEXTS = (
    "The heart and two lungs, and a fever.",
    "A nurse measured the fever of the child.",
    "Rain fell on the hills all night.",
    "He paid for the bread and left.",
    "Asthma tightens the airways.",
    "She walked to the old station.",
)
LARGEST = ("max_activation", "max", "maxActApprox", "largest_activation")
"""Names under which a feature's largest activation comes out."""
ANY = st.tuples(st.integers(0, N_LAYERS - 1), st.integers(0, D_SAE - 1))
FEW = settings(
    max_examples=8, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)

Known = dict[tuple[str, int], float]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas of a few texts through all three SAEs."""
    path = tmp_path_factory.mktemp("identity")
    save_release(path)
    (path / "texts.txt").write_text("\n".join(TEXTS) + "\n")
    saes = [word for layer in range(N_LAYERS) for word in ("--sae", str(path / "standin" / hook(layer)))]
    run("ingest", path / "a.duckdb", path / "texts.txt", "--model", path / "model", *saes)
    return path


@pytest.fixture(scope="module")
def known(folder: Path) -> Known:
    """The largest activation of each feature on the texts, BOS left out, by SAE and index; each another."""
    reference = Reference(folder)
    found: Known = {}
    for layer in range(N_LAYERS):
        acts = torch.cat([reference.acts(reference.ids(text), layer) for text in TEXTS])
        for feature, value in enumerate(acts.amax(0).tolist()):
            found[f"standin/{hook(layer)}", feature] = value
    fired = [value for value in found.values() if value > 0]
    assert len({f"{value:.5g}" for value in fired}) == len(fired) > D_SAE
    return found


def agrees(known: Known, sae: str, feature: int, value: float | None) -> bool:
    """Whether that is the largest activation of just this feature of just this SAE."""
    expected = known[sae, feature]
    return not expected and not value if not value else value == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_what_is_stored_is_each_features_own(folder: Path, known: Known) -> None:
    with open_atlas(folder / "a.duckdb", read_only=True) as atlas:
        for table, column in (("activation", "activation"), ("feature_corpus", "max_activation")):
            rows = atlas.rows(f"SELECT label, feature, MAX({column}) FROM {table} JOIN sae USING (sae) GROUP BY ALL")
            found = {(sae, feature): value for sae, feature, value in rows}
            assert set(found) == {each for each, value in known.items() if value > 0}
            assert all(agrees(known, *each, value) for each, value in found.items())


def test_moments_of_logit_weights_are_of_the_saes_own_decoder(folder: Path) -> None:
    """Not of the first layer's, as a loop that loads one SAE for all would give."""
    reference = Reference(folder)
    with open_atlas(folder / "a.duckdb", read_only=True) as atlas:
        rows = atlas.rows("SELECT hook_layer, feature, logit_std, decoder_norm FROM feature JOIN sae USING (sae)")
    for layer in range(N_LAYERS):
        W_dec = reference.sae(layer).W_dec.detach()
        std = (W_dec @ reference.model.lm_head.weight.detach().T).std(1, correction=0)
        own = {feature: (spread, norm) for place, feature, spread, norm in rows if place == layer}
        for feature in range(D_SAE):
            expected = (float(std[feature]), float(W_dec[feature].norm()))
            assert own[feature] == pytest.approx(expected, rel=1e-4)


def test_lists_of_features_have_each_ones_own_figures(folder: Path, known: Known) -> None:
    for layer in range(N_LAYERS):
        sae = f"standin/{hook(layer)}"
        rows = asked(folder / "a.duckdb", "densest_features", sae=sae, limit=1000)
        assert {row["feature"] for row in rows} >= {
            feature for at, feature in known if at == sae and known[at, feature]
        }
        assert all(agrees(known, row["sae"], row["feature"], row["max_activation"]) for row in rows)
        for row in asked(folder / "a.duckdb", "features_for_word", sae=sae, word="fever", limit=1000):
            assert row["max_activation"] <= known[row["sae"], row["feature"]] * 1.0001


@FEW
@given(ANY, ANY)
def test_what_is_asked_of_a_feature_is_said_of_it(
    folder: Path, known: Known, one: tuple[int, int], other: tuple[int, int]
) -> None:
    (layer, feature), (other_layer, other_feature) = one, other
    sae, other_sae = f"standin/{hook(layer)}", f"standin/{hook(other_layer)}"
    documents = asked(folder / "a.duckdb", "feature_documents", sae=sae, feature=feature)
    assert agrees(known, sae, feature, max((row["max_activation"] for row in documents), default=None))
    card = {row["fact"]: row for row in asked(folder / "a.duckdb", "feature_card", sae=sae, feature=feature)}
    assert card["feature"]["text"] == f"{sae}#{feature}"
    assert card["neuronpedia"]["text"].endswith(f"/standin/{layer}-res/{feature}")
    assert agrees(known, sae, feature, card["max_activation"]["value"] if "max_activation" in card else None)
    others = {"other_sae": other_sae, "other_feature": other_feature}
    both = {
        row["fact"]: row for row in asked(folder / "a.duckdb", "compare_features", sae=sae, feature=feature, **others)
    }
    assert both["feature"]["other_text"] == f"{other_sae}#{other_feature}"
    if "max_activation" in both:
        assert agrees(known, sae, feature, both["max_activation"]["value"])
        assert agrees(known, other_sae, other_feature, both["max_activation"]["other_value"])


def test_a_printed_number_means_that_index_and_the_one_before_in_each_sae(folder: Path, known: Known) -> None:
    rows = asked(folder / "a.duckdb", "printed_number", number=7)
    assert {(row["sae"], row["feature"], row["counted"]) for row in rows} == {
        (f"standin/{hook(layer)}", feature, counted)
        for layer in range(N_LAYERS)
        for feature, counted in ((7, "from zero"), (6, "from one"))
    }
    assert all(agrees(known, row["sae"], row["feature"], row["max_activation"]) for row in rows)
    assert all(row["neuronpedia"].endswith(f"{row['sae'].split('.')[1]}-res/{row['feature']}") for row in rows)


@pytest.fixture(scope="module")
def labelled(folder: Path) -> Path:
    """The atlas with a label of each feature, as Neuronpedia exports them: indices as text, in the order of text."""
    write_labels(folder / "batch-0.jsonl.gz")
    run("label", "import", folder / "a.duckdb", folder / "batch-0.jsonl.gz")
    return folder


def test_a_label_comes_to_the_feature_it_was_given_to(labelled: Path) -> None:
    with open_atlas(labelled / "a.duckdb", read_only=True) as atlas:
        rows = atlas.rows("SELECT hook_layer, feature, feature_label.label FROM feature_label JOIN sae USING (sae)")
    assert len(rows) == N_LAYERS * D_SAE
    assert all(label == f"{layer} and {feature}" for layer, feature, label in rows)


def lines(file: Path) -> list[dict[str, Any]]:
    """The objects of a file."""
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


@pytest.mark.parametrize("kind", ["neuronpedia", "saedashboard"])
def test_what_is_exported_bears_its_own_number(labelled: Path, known: Known, kind: str) -> None:
    out = labelled / kind
    run("export", labelled / "a.duckdb", f"--{kind}", out)
    found: dict[tuple[int, int], float] = {}
    for layer in range(N_LAYERS):
        place = out / "standin" / f"{layer}-res"
        if kind == "neuronpedia":
            (file,) = (place / "features").glob("*.gz")
            rows = lines(file)
            found |= {(layer, int(row["index"])): row["maxActApprox"] for row in rows}
            (file,) = (place / "explanations").glob("*.gz")
            for row in lines(file):
                assert row["description"] == f"{layer} and {row['index']}"
        else:
            features = json.loads((place / "batch-0.json").read_text())["features"]
            windows = {row["feature_index"]: [max(each["values"]) for each in row["activations"]] for row in features}
            found |= {(layer, feature): max(values, default=0.0) for feature, values in windows.items()}
    assert len(found) == len(known)
    assert all(agrees(known, f"standin/{hook(layer)}", feature, value) for (layer, feature), value in found.items())


@pytest.fixture(scope="module")
def served(labelled: Path) -> Iterator[Served]:
    with serving(publish(labelled / "a.duckdb", labelled / "site").folder) as found:
        yield found


@FEW
@given(ANY)
def test_the_page_of_a_feature_is_of_that_feature(served: Served, known: Known, chosen: tuple[int, int]) -> None:
    layer, feature = chosen
    sae = f"standin/{hook(layer)}"
    page = served.get(f"/feature/{sae}/{feature}").text
    held = served.get(f"/feature/{sae}/{feature}.json").json()
    assert f"{layer} and {feature}" in page
    links = set(re.findall(r"neuronpedia\.org/([\w./-]+)", page))
    assert f"standin/{layer}-res/{feature}" in links
    assert all(link.startswith("standin/") for link in links)
    told = [value for name, value in leaves(held) if name in LARGEST and isinstance(value, float)]
    assert (not known[sae, feature]) or any(agrees(known, sae, feature, value) for value in told)
    tokens = [value for name, value in leaves(held.get("sentences") or {}) if name == "activation"]
    assert not tokens or agrees(known, sae, feature, max(tokens))


def leaves(content: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a page's JSON, with its name."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from leaves(value, key)
    elif isinstance(content, list):
        for value in content:
            yield from leaves(value, name)
    else:
        yield name, content


@pytest.mark.parametrize("feature", [-1, D_SAE])
def test_a_number_beyond_the_sae_is_none_of_its_features(served: Served, folder: Path, feature: int) -> None:
    """The last feature of an SAE is d_sae - 1: a number that counts from one is refused where it shows."""
    served.get(f"/feature/standin/{hook(1)}/{feature}", 404)
    options = ("--sae", folder / "standin" / hook(1), "--model", folder / "model", "--feature", feature)
    for command in (("explain", "feature"), ("circuit", "steer")):
        done = attempt(*command, folder / "a.duckdb", *options, "--text", "A fever.")
        assert done.exit_code == 1, done.output
        assert f"{D_SAE - 1}" in str(done.exception)
