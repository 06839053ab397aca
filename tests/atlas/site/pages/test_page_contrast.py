"""The page of a contrast: what it says is what the saved queries say, and what speaks against it is not left out."""

import json
import re
from collections.abc import Iterator
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import numpy as np
import pytest

from atlas.publish import publish
from atlas.site.pages.addresses import contrast_address, sae_path
from atlas.site.pages.addresses import name_in_page_address as named_by
from atlas.site.pages.contrast.chosen import contrast_page_sets
from atlas.site.pages.contrast.evidence import Evidence, speaks_against, speaks_for
from atlas.site.pages.contrast.null import Null
from ingest.contrasts.stale import STALE
from queries import run_query
from schema import open_atlas
from tests.made.activation_pages import Served, changed, serving

FIRST, SECOND = "tiny/blocks.1.hook_resid_pre", "tiny/blocks.2.hook_resid_pre"
NULL = Null(np.array([0.5, 0.6, 0.7]), 0.9, 1)


@pytest.fixture(scope="module")
def served(tiny_snapshot: Path) -> Iterator[Served]:
    with serving(tiny_snapshot) as found:
        yield found


def asked(tiny_snapshot: Path, name: str, **values: str) -> list[dict[str, Any]]:
    """The rows of a saved query on the atlas file itself."""
    with open_atlas(tiny_snapshot.parent.parent.parent / "tiny.duckdb", read_only=True) as atlas:
        rows: list[dict[str, Any]] = run_query(atlas, name, {"contrast": "medical", **values}).to_pylist()
    return rows


@pytest.mark.parametrize("sae", [FIRST, SECOND])
def test_the_best_features_are_those_of_the_saved_query(sae: str, served: Served, tiny_snapshot: Path) -> None:
    page = served.get("/contrast/medical.json", sae=sae).json()
    expected = asked(tiny_snapshot, "candidates", sae=sae, limit="25")
    assert [row["feature"] for row in page["candidates"]] == [row["feature"] for row in expected]
    for found, row in zip(page["candidates"], expected, strict=True):
        assert found["auroc"] == pytest.approx(row["auroc"])
        assert found["top_tokens"][0] == row["top_tokens"].split(" | ")[0]
        assert found["address"] == f"/feature/{sae}/{row['feature']}"
        assert (found["fires_positive"], found["fires_control"]) == (row["fires_positive"], row["fires_control"])


def test_heads_that_look_elsewhere_are_those_of_the_saved_query(served: Served, tiny_snapshot: Path) -> None:
    expected = asked(tiny_snapshot, "attention_differences", sae=FIRST, limit="1000")
    looks = served.get("/contrast/medical.json", sae=FIRST).json()["looks"]
    assert (looks["compared"], looks["called"]) == (len(expected), sum(row["q"] <= 0.05 for row in expected))
    for name in ("layer", "head", "auroc", "auroc_length", "p_length", "q"):
        assert [row[name] for row in looks["first"]] == [row[name] for row in expected[:8]]
    page = served.get("/contrast/medical", sae=FIRST).text
    assert f"{looks['called']} of {looks['compared']} looks of heads differ between the sides" in page
    assert "Which heads look elsewhere" not in served.get("/contrast/medical", sae=SECOND).text or asked(
        tiny_snapshot, "attention_differences", sae=SECOND
    )


def test_a_snapshot_from_before_heads_were_compared_by_length_shows_all_but_them(
    tmp_path: Path, tiny_snapshot: Path
) -> None:
    older = changed(tiny_snapshot, tmp_path / "older", "ALTER TABLE attention_contrast DROP COLUMN p_length")
    with serving(older) as other:
        assert other.get("/contrast/medical.json", sae=FIRST).json()["looks"] is None
        assert "Which heads look elsewhere" not in other.get("/contrast/medical", sae=FIRST).text


def test_candidates_bear_their_best_label_on_both_pages(served: Served) -> None:
    held = served.get("/contrast/medical.json", sae=FIRST).json()["candidates"]
    labels = {row["feature"]: row["label"] for row in held}
    assert (labels[1], labels[7], labels[3]) == ("asthma, cancer, measles", "numbers", None)
    assert "label: <bdi>asthma, cancer, measles</bdi>" in served.get("/contrast/medical", sae=FIRST).text
    assert "label: <bdi>asthma, cancer, measles</bdi>; most on" in served.get("/").text


@pytest.mark.parametrize("sae", [FIRST, SECOND])
def test_as_many_survive_as_the_saved_query_counts(sae: str, served: Served, tiny_snapshot: Path) -> None:
    page = served.get("/contrast/medical.json", sae=sae).json()
    (expected,) = asked(tiny_snapshot, "survivors", sae=sae)
    counted = {step["test"]: step["features"] for step in page["survivors"]}
    names = ("printed", "at_q", "confirmed", "matched", "family_wise")
    columns = ("printed", "printed_at_q", "discovery_confirmed", "printed_matched", "printed_family_wise")
    assert counted == {
        name: expected[column] for name, column in zip(names, columns, strict=True) if expected[column] is not None
    }
    assert page["found"]["favour_positive"] == expected["found_at_q"]


@pytest.mark.parametrize("sae", [FIRST, SECOND])
def test_the_set_of_features_is_that_of_the_saved_query(sae: str, served: Served, tiny_snapshot: Path) -> None:
    page = served.get("/contrast/medical.json", sae=sae).json()
    expected = asked(tiny_snapshot, "feature_set", sae=sae)
    assert [(row["feature"], row["copies"]) for row in page["together"]] == [
        (row["feature"], row["copies"]) for row in expected
    ]
    assert [page[f"set_{name}"] for name in ("size", "auroc", "f1")] == [
        expected[0][f"set_{name}"] for name in ("size", "auroc", "f1")
    ]
    shown = unescape(served.get("/contrast/medical", sae=sae).text)
    assert all(f'<a href="{row["address"]}">{row["feature"]}</a>' in shown for row in page["together"])
    later = [page[f"documents_{side}"] - page[f"discovery_{side}"] for side in ("positive", "control")]
    assert f"(calling all the larger side's: {max(later) / sum(later):.3f})" in shown
    assert "Together, on the half whose labels had no part in choosing them: AUROC 0.875" in shown


@pytest.mark.parametrize("sae", [FIRST, SECOND])
def test_the_hypothesis_is_judged_as_the_saved_query_does(sae: str, served: Served, tiny_snapshot: Path) -> None:
    page = served.get("/contrast/medical.json", sae=sae).json()
    expected = asked(tiny_snapshot, "hypothesis", sae=sae)
    assert [(row["moment"], row["evidence"], row["verdict"]) for row in page["hypothesis"]] == [
        (row["moment"], row["evidence"], row["verdict"]) for row in expected
    ]
    shown = served.get("/contrast/medical", sae=sae).text
    assert all(f"<td>{row['verdict']}</td>" in shown for row in expected)


def test_the_page_shows_what_its_json_holds(served: Served) -> None:
    page, held = unescape(served.get("/contrast/medical").text), served.get("/contrast/medical.json").json()
    for sentence in (*held["for"], *held["against"]):
        assert sentence in page
    for chart in held["charts"].values():
        assert f'alt="{chart["alt"]}"' in page
        assert served.get(chart["address"]).headers["content-type"].startswith("image/svg+xml")
        assert served.get(chart["rows"]).status_code == 200
    for query in held["queries"]:
        assert f'<a href="{query["address"]}">{query["title"]}</a>' in page
    assert "<script" not in page
    assert " style=" not in page


def test_every_link_of_the_page_leads_somewhere(served: Served) -> None:
    held = served.get("/contrast/medical.json").json()
    addresses = [held["rows"], held["sae_address"], *(sae["address"] for sae in held["saes"])]
    addresses += [query["address"] for query in held["queries"]] + [held["candidates"][0]["address"]]
    for address in addresses:
        assert served.get(address).status_code == 200


def test_the_same_contrast_is_offered_on_its_other_saes(served: Served) -> None:
    held = served.get("/contrast/medical.json").json()
    assert [sae["name"] for sae in held["saes"]] == [FIRST, SECOND]
    assert held["sae"] == FIRST
    assert served.get(held["saes"][1]["address"].replace("?", ".json?")).json()["sae"] == SECOND


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("/contrast/other.json", "holds no contrast 'other'; there are: medical"),
        ("/contrast/medical.json?sae=other", f"not computed for the SAE 'other'; it is for: {FIRST}, {SECOND}"),
        ("/contrast/%3Cscript%3E", "&lt;script&gt;"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(address: str, advice: str, served: Served) -> None:
    assert advice in served.get(address, 404).text


NAMES = ["a.json", "../up/x", "v1/b", "50 %", "why?", "no. 1#2", "a+b c", "%2Fx", "~2Fx", "żółw 🐢", ".", "medical.svg"]


@pytest.fixture(scope="module")
def named(tiny: Path) -> Iterator[Served]:
    """The tiny atlas with its contrast under many names."""
    with open_atlas(tiny) as atlas, atlas.transaction():
        for key, name in enumerate(NAMES, start=1):
            copied = "SELECT * REPLACE ($key AS contrast, $name AS name) FROM contrast WHERE contrast = 0"
            atlas.duckdb.execute(f"INSERT INTO contrast {copied}", {"key": key, "name": name})
            for table in ("sae_contrast", "feature_contrast", "contrast_null"):
                copied = f"SELECT * REPLACE ($key AS contrast) FROM {table} WHERE contrast = 0"
                atlas.duckdb.execute(f"INSERT INTO {table} {copied}", {"key": key})
    with serving(publish(tiny, tiny.parent / "site").folder) as found:
        yield found


@pytest.mark.parametrize("name", NAMES)
def test_a_contrast_of_any_name_has_its_page_and_charts(name: str, named: Served) -> None:
    percent = quote(name, safe="")  # as addresses were before; where it says nothing else
    also = [f"/contrast/{percent}?sae={FIRST}"] if "%" in percent else []
    for address in (contrast_address(named.datasette, name, FIRST), *also):
        page = named.get(address)
        assert escape(name) in str(page.text)
        json_address = unescape(re.findall(r'type="application/json" href="([^"]+)"', page.text)[0])
        held = named.get(json_address).json()
        assert held["name"] == name
        pictures = re.findall(r'(?:src|srcset)="([^" ]+\.svg[^" ]*)', page.text)
        assert len(pictures) >= 4
        for picture in pictures:
            parts = urlsplit(urljoin(f"http://site{address}", unescape(picture)))
            assert named.get(f"{parts.path}?{parts.query}").headers["content-type"].startswith("image/svg+xml")
        for query in held["queries"]:
            assert served_name(named, query["address"]) == name


def served_name(named: Served, address: str) -> str:
    """The contrast that a saved query is asked for, where its address leads."""
    asked = named.get(address.replace("?", ".json?")).json()["query"]["params"]
    return str(asked["contrast"])


@pytest.mark.parametrize("sae", ["local/..", "./x", "a//b", "release/x.json", "re lease/50%?#~1", "żółw/blocks.1"])
def test_an_sae_of_any_name_is_found_by_its_path(sae: str) -> None:
    path = sae_path(sae)
    assert urljoin("http://site/sae/", path) == f"http://site/sae/{path}"
    assert not path.endswith(".json")
    assert named_by(path) == sae


def test_every_page_says_which_figures_are_to_be_computed_again(tiny_copy: Path) -> None:
    with open_atlas(tiny_copy) as atlas:
        atlas.rows("UPDATE sae_contrast SET documents_hash = ?", [STALE])
        atlas.rows("UPDATE feature_contrast SET q = NULL")
    with serving(publish(tiny_copy, tiny_copy.parent / "site").folder) as stale:
        held = stale.get("/contrast/medical.json").json()
        assert held["survivors"] == held["funnel"] == []
        for address in ("/", "/contrast/medical", held["sae_address"], held["candidates"][0]["address"]):
            page = stale.get(address).text
            assert "to be computed again" in page
            assert "do not survive" not in page
            assert "too few documents to be tested" not in page


def test_the_page_speaks_of_judging_only_where_groups_are_enough(served: Served, tiny_copy: Path) -> None:
    few, enough = "a half of them has too few groups to choose, or to judge", "judged on the others"
    page = served.get("/contrast/medical").text
    assert few in page
    assert enough not in page
    with open_atlas(tiny_copy) as atlas:
        atlas.rows("UPDATE sae_contrast SET groups_positive = 10, groups_control = 10")
    with serving(publish(tiny_copy, tiny_copy.parent / "site").folder) as more:
        page = more.get("/contrast/medical").text
    assert enough in page
    assert few not in page


def test_sets_of_documents_in_words() -> None:
    assert contrast_page_sets('["medical"]') == "medical"
    assert contrast_page_sets('["a", "b", "c"]') == "a or b or c"
    assert contrast_page_sets(json.dumps(list("abcd"))) == "a or 3 others"


def evidence(**changed: Any) -> Evidence:
    """A contrast for which everything speaks."""
    best: dict[str, Any] = {"feature": 7, "auroc": 0.9, "auroc_confirmation": 0.85, "auroc_length": 0.88}
    best |= {"auroc_low": 0.8, "auroc_high": 0.95}
    best |= {"matched_share": 0.75, "matched_q": 0.01, "top_token_share": 0.1, "top_tokens": [" cancer"]}
    values: dict[str, Any] = {
        "contrast": {
            "name": "medical",
            "features_tested": 100,
            "documents_positive": 50,
            "documents_control": 60,
            "pairs": 9,
            "stale": 0,
            "unit": "document",
            "groups_positive": 50,
            "groups_control": 20,
            "length_p": 0.5,
            "length_positive_median": 40.0,
            "length_control_median": 30.5,
        },
        "names": ("medical", "control"),
        "found": {"favour_positive": 4},
        "survivors": {"printed": 40, "printed_at_q": 40},
        "best": best,
        "weakest": {"domain": "law", "fires": 0, "documents": 5, "auroc": 0.9},
        "null": NULL,
    }
    values |= {name: values[name] | value if isinstance(value, dict) else value for name, value in changed.items()}
    return Evidence(**values)


def test_all_that_speaks_for_a_contrast_is_said() -> None:
    said = speaks_for(evidence())
    assert [sentence.split(":")[0].split(" ")[0] for sentence in said] == ["4", "Feature", "On", "It", "None"]
    assert "90 % of all pairs" in said[1]
    assert "85 % (80 % to 95 % with 95 % confidence)" in said[2]
    assert "the luckiest reaches 0.700" in said[4]
    assert speaks_against(evidence()) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"found": {"favour_positive": 0}}, "No feature favours the positive documents"),
        ({"survivors": {"printed_at_q": 7}}, "Of the 40 features that the study's method prints, 33 do not survive"),
        ({"best": {"top_token_share": 0.75}}, "75 % of the tokens on which feature 7 fires are one token ('cancer')"),
        ({"best": {"auroc_low": 0.4}}, "as low as 0.400"),
        ({"best": {"auroc_low": None}}, "fires in too few groups of the half kept for confirmation"),
        ({"contrast": {"groups_control": 9}}, "the control documents are of 9: with fewer than 5 in a half nothing"),
        ({"contrast": {"length_p": 0.001}}, "40 tokens against 30.5, p 0.001), and an activation's maximum grows"),
        ({"contrast": {"length_p": 0.001}}, "among documents of like length feature 7 has an AUROC of 0.880"),
        ({"weakest": {"fires": 2, "auroc": 0.625}}, "weakest against law (AUROC 0.625, firing in 2 of 5 documents)"),
        ({"contrast": {"stale": 1}}, "It is to be computed again"),
        (
            {"contrast": {"stale": 1}, "found": {"favour_positive": 0}, "survivors": {"printed_at_q": 0}, "null": None},
            "It is to be computed again",
        ),
        ({"contrast": {"pairs": 0}}, "may differ in length, syntax or punctuation"),
        ({"contrast": {"documents_control": 12}}, "One side has 12 documents only"),
        ({"null": None}, "What chance alone would find is not computed"),
        ({"null": Null(np.array([0.5, 0.9]), 0.9, 1)}, "1 of 2 shuffles of the labels do as well"),
    ],
)
def test_each_weakness_is_said(changed: dict[str, Any], said: str) -> None:
    sentences = speaks_against(evidence(**changed))
    assert len(sentences) == 1
    assert said in sentences[0]


def test_a_contrast_in_which_nothing_fires_is_judged_all_the_same() -> None:
    empty = evidence(
        best=None, weakest=None, found={"favour_positive": 0}, survivors={"printed": 0, "printed_at_q": None}
    )
    assert speaks_for(empty) == speaks_for(evidence())[-1:]
    assert len(speaks_against(empty)) == 1
