"""The page of a study that was run again: it says what the saved queries say, and escapes what a notebook is called."""

from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from queries import run_query
from schema import open_atlas
from tests.made.activation_pages import Served, serving

PAGE = "/reproduction/medical"
SAES = ("tiny/blocks.1.hook_resid_pre", "tiny/blocks.2.hook_resid_pre")
PARTS = {"listed": "reproduced_list", "readings": "reproduced_number", "faults": "reproduced_faults"}


@pytest.fixture(scope="module")
def served(tiny_snapshot: Path) -> Iterator[Served]:
    with serving(tiny_snapshot) as found:
        yield found


@pytest.mark.parametrize("sae", ["", *SAES])
def test_it_says_what_the_saved_queries_say(served: Served, tiny: Path, sae: str) -> None:
    held = served.get(f"{PAGE}.json?sae={sae}" if sae else f"{PAGE}.json").json()
    assert held["sae"] == (sae or SAES[0])
    with open_atlas(tiny, read_only=True) as atlas:
        for part, query in PARTS.items():
            rows = run_query(atlas, query, {"sae": sae}).to_pylist()
            assert [{name: row[name] for name in rows[0]} for row in held[part]] == [pytest.approx(row) for row in rows]


@pytest.mark.parametrize("sae", SAES)
def test_every_feature_and_sae_of_it_is_a_link_that_leads_there(served: Served, sae: str) -> None:
    held, page = served.get(f"{PAGE}.json?sae={sae}").json(), unescape(served.get(f"{PAGE}?sae={sae}").text)
    addresses = [held["measured"]["address"], held["loaded"]["address"], held["contrast_address"]]
    addresses += [row["address"] for row in (*held["readings"], *held["queries"], *held["saes"])]
    assert [row["address"] for row in held["saes"]] == [f"{PAGE}?sae={name}" for name in SAES]
    for row in held["listed"]:
        addresses += [row[name] for name in ("feature_address", "corrected_feature_address") if row[name]]
    for address in addresses:
        assert f'href="{address}"' in page
    for address in set(addresses):
        assert served.get(address).status_code == 200
    for row in held["listed"]:
        assert row["number"] == row["feature"] + 1
        assert row["feature_address"].endswith(f"/{row['feature']}")
    for row in held["faults"]:
        assert unescape(row["finding"]) in page
    assert "<script" not in page
    assert " style=" not in page


def test_the_contrast_and_the_start_page_lead_to_it(served: Served) -> None:
    for address in ("/", "/contrast/medical"):
        for sae in SAES:
            assert f'href="{PAGE}?sae={sae}"' in served.get(address).text


def test_one_that_is_not_there_is_told_and_escaped(served: Served) -> None:
    told = served.get("/reproduction/%3Cscript%3E", 404).text
    assert "&lt;script&gt;" in told
    assert "there are: medical<" in told
    assert f"it is of: {', '.join(SAES)}" in served.get(f"{PAGE}?sae=tiny/none", 404).text
