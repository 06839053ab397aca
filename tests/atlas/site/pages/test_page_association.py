"""The page of an association: it says what the saved queries say, draws what the rows hold, and hides no weakness."""

from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from atlas.publish import publish
from atlas.site.pages.association.evidence import Evidence, speaks_against, speaks_for
from ingest.contrasts.stale import STALE
from queries import run_query
from schema import open_atlas
from tests.made.activation_pages import Served, serving
from tests.made.tiny_associations import QUESTIONS, YEARS

FIRST, SECOND = "tiny/blocks.1.hook_resid_pre", "tiny/blocks.2.hook_resid_pre"
LISTS = {"years": ("target_features", "target"), "domains": ("class_features", "classes")}


@pytest.fixture(scope="module")
def served(tiny_snapshot: Path) -> Iterator[Served]:
    with serving(tiny_snapshot) as found:
        yield found


@pytest.mark.parametrize("sae", [FIRST, SECOND])
@pytest.mark.parametrize("name", LISTS)
def test_its_features_are_those_of_the_saved_query(name: str, sae: str, served: Served, tiny_snapshot: Path) -> None:
    query, parameter = LISTS[name]
    with open_atlas(tiny_snapshot.parent.parent.parent / "tiny.duckdb", read_only=True) as atlas:
        expected = run_query(atlas, query, {parameter: name, "sae": sae, "limit": "25"}).to_pylist()
        counts = {row["contrast"]: row for row in run_query(atlas, "associations", {"sae": sae}).to_pylist()}[name]
    page = served.get(f"/association/{name}.json", sae=sae).json()
    assert [row["feature"] for row in page["features"]] == [row["feature"] for row in expected]
    for found, row in zip(page["features"], expected, strict=True):
        assert {column: found[column] for column in row} == pytest.approx(row)
        assert found["address"] == f"/feature/{sae}/{row['feature']}"
    for column in ("documents_compared", "groups_compared", "features_tested", "length_p", "at_q", "shuffles"):
        assert page[column] == pytest.approx(counts[column])


@pytest.mark.parametrize("name", LISTS)
def test_it_shows_everything_of_its_json(name: str, served: Served) -> None:
    held = served.get(f"/association/{name}.json").json()
    page = unescape(served.get(f"/association/{name}").text)
    for sentence in (*held["for"], *held["against"]):
        assert sentence in page
    for sae in held["saes"]:
        assert f'href="{sae["address"]}"' in page
        assert served.get(sae["address"]).status_code == 200
    for query in held["queries"]:
        assert served.get(query["address"]).status_code == 200
    assert served.get(held["rows"]).status_code == 200
    assert "<script" not in page
    assert " style=" not in page


@pytest.mark.parametrize("name", LISTS)
def test_the_first_features_are_drawn_with_their_sentences(name: str, served: Served) -> None:
    held, page = served.get(f"/association/{name}.json").json(), unescape(served.get(f"/association/{name}").text)
    assert [one["feature"] for one in held["first"]] == [row["feature"] for row in held["features"][:3]]
    for place, one in enumerate(held["first"]):
        fires, chart = held["features"][place]["fires"], one["chart"]
        assert f"feature {one['feature']} fires in {fires} of {held['documents_compared']} documents" in chart["alt"]
        assert f'alt="{chart["alt"]}"' in page
        for variant in ("address", "narrow", "dark"):
            assert served.get(chart[variant]).headers["content-type"].startswith("image/svg+xml")
        strongest = [sentence["activation"] for sentence in one["sentences"]]
        assert strongest
        assert all(served.get(sentence["document_address"]).status_code == 200 for sentence in one["sentences"])


def test_a_sentence_bears_the_number_or_the_class_of_its_document(served: Served) -> None:
    for name, borne in (("years", YEARS), ("domains", QUESTIONS[1].sets)):
        for one in served.get(f"/association/{name}.json").json()["first"]:
            for sentence in one["sentences"]:
                document = int(sentence["document_address"].rpartition("/")[2])
                if name == "years":
                    assert sentence["value"] == (borne[document] if document < len(borne) else None)
                else:
                    (row,) = served.get(f"{sentence['document_address']}.json", _shape="array").json()
                    corpus = served.get(f"/atlas/corpus/{row['corpus']}.json", _shape="array").json()[0]
                    assert sentence["class"] == f"domain={corpus['domain']}"


def test_what_is_held_is_counted(served: Served) -> None:
    years, domains = (served.get(f"/association/{name}.json").json() for name in LISTS)
    assert years["held"] == [{"documents": len(YEARS), "lowest": min(YEARS), "highest": max(YEARS)}]
    assert [one["class"] for one in domains["held"]] == list(QUESTIONS[1].sets)
    assert sum(one["documents"] for one in domains["held"]) == domains["documents_compared"]


def test_it_speaks_of_judging_only_where_groups_are_enough(served: Served) -> None:
    judged = {name: served.get(f"/association/{name}.json").json()["judges"] for name in LISTS}
    assert judged == {"years": True, "domains": False}
    for name, judges in judged.items():
        page = served.get(f"/association/{name}").text
        assert ("to judge by" in page) == ("of the half that judges" in page) == judges
        assert ("too few in a half to choose, or to judge" in page) == (not judges)


def test_it_is_linked_from_the_start_and_from_the_sae(served: Served) -> None:
    for name in LISTS:
        address = served.get(f"/association/{name}.json").json()["saes"][0]["address"]
        for page in ("/", f"/sae/{FIRST}"):
            assert f'href="{address}"' in unescape(served.get(page).text)


def test_the_address_of_a_contrast_leads_to_it(served: Served) -> None:
    for asked, found in (("years", "years?"), ("years.json", "years.json?")):
        answer = served.get(f"/contrast/{asked}", 302, sae=SECOND)
        assert answer.headers["location"].startswith(f"/association/{found}")
        assert served.get(answer.headers["location"]).status_code == 200


def test_stale_figures_say_so(tiny_copy: Path) -> None:
    with open_atlas(tiny_copy) as atlas:
        atlas.rows("UPDATE sae_association SET documents_hash = ?", [STALE])
    with serving(publish(tiny_copy, tiny_copy.parent / "site").folder) as stale:
        for address in ("/", "/association/years", "/association/domains", f"/sae/{FIRST}"):
            assert "to be computed again" in stale.get(address).text
        assert stale.get("/association/years.json").json()["for"] == []


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("/association/other.json", "no contrast 'other' of a number or of classes; there are: years, domains"),
        ("/association/years.json?sae=other", f"not computed for the SAE 'other'; it is for: {FIRST}, {SECOND}"),
        ("/association/%3Cscript%3E", "&lt;script&gt;"),
        ("/chart/association/years/scores.svg?feature=x", "as in ?feature=7"),
        ("/chart/association/years/other.svg", "there are: scores"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(address: str, advice: str, served: Served) -> None:
    assert advice in served.get(address, 404).text


def evidence(kind: str = "target", best: dict[str, Any] | None = None, **changed: Any) -> Evidence:
    """An association for which everything speaks."""
    association: dict[str, Any] = {"kind": kind, "field": "year" if kind == "target" else None, "stale": False}
    association |= {
        "features_tested": 100,
        "groups_discovery": 20,
        "groups_confirmation": 19,
        "groups_mixed": 0,
        "at_q": 3,
    }
    association |= {"length_p": 0.5, "length_effect": 0.01, "documents_without": 0}
    first: dict[str, Any] = {"feature": 7, "p": 1e-4, "family_p": 0.01}
    if kind == "target":
        first |= {"rho": -0.4, "rho_confirmation": -0.35, "rho_low": -0.5, "rho_high": -0.2, "confirmed": 1}
    else:
        first |= {"epsilon_squared": 0.3, "best_class": "domain=law"}
        first |= {"auroc_confirmed": 0.8, "auroc_low": 0.7, "auroc_high": 0.9}
    return Evidence(association | changed, first | (best or {}))


def test_all_that_speaks_for_it_is_said() -> None:
    target, classes = speaks_for(evidence()), speaks_for(evidence("classes"))
    assert target[0].startswith("3 features go with year at a false-discovery rate of 5 %, of 100")
    assert "the higher year, the less it fires (rank correlation -0.400), p 0.0001" in target[1]
    assert "On the confirmation half by itself its rank correlation is -0.350 (-0.500 to -0.200" in target[2]
    assert "most of all domain=law from the others (epsilon squared 0.300" in classes[1]
    assert "its AUROC of domain=law is 0.800 (0.700 to 0.900" in classes[2]
    assert speaks_against(evidence()) == speaks_against(evidence("classes")) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"at_q": 0}, "No feature goes with year at a false-discovery rate of 5 %"),
        ({"stale": True, "at_q": 0}, "It is to be computed again"),
        ({"best": {"confirmed": 0, "rho_high": 0.1}}, "the rank correlation of feature 7 is -0.350 (-0.500 to 0.100"),
        ({"best": {"rho_low": None}}, "Feature 7 fires in too few groups of the confirmation half"),
        ({"groups_discovery": 4}, "Fewer than 5 groups are in a half"),
        ({"kind": "classes", "groups_confirmation": 4}, "Fewer than 5 groups of a class are in a half"),
        ({"kind": "classes", "best": {"auroc_low": 0.45}}, "the AUROC of domain=law of feature 7 is 0.800"),
        ({"groups_mixed": 2}, "Documents of 2 groups differ in year"),
        ({"length_p": 0.01}, "Length itself goes with year (rho 0.01, p 0.01)"),
        ({"documents_without": 9}, "9 documents are left out, since they have no year"),
    ],
)
def test_each_weakness_is_said(changed: dict[str, Any], said: str) -> None:
    (sentence,) = speaks_against(evidence(**changed))
    assert said in sentence
