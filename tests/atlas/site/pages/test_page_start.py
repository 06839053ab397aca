"""The start page: what is here, what was found, and ways in that all lead somewhere."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from queries import saved_queries
from tests.made.activation_pages import Served, serving


@pytest.fixture(scope="module")
def served(tiny_snapshot: Path) -> Iterator[Served]:
    with serving(tiny_snapshot) as found:
        yield found


def test_it_says_what_is_here(served: Served) -> None:
    page, held = served.get("/").text, served.get("/start.json").json()
    assert "<title>Feature atlas: tiny</title>" in page
    assert "15 documents (121 tokens) in 3 corpora" in page
    assert held["models"] == ["tiny"]
    assert held["notes"] == []
    assert {row["name"]: (row["documents"], row["licences"]) for row in held["corpus_list"]} == {
        "notes/medical": (6, "CC0-1.0"),
        "notes/control": (6, "CC0-1.0"),
        "travel/places": (3, "CC0-1.0"),
    }


def test_each_contrast_shows_its_best_features_with_the_sentence_they_are_strongest_in(served: Served) -> None:
    held, page = served.get("/start.json").json(), unescape(served.get("/").text)
    assert [contrast["sae"] for contrast in held["contrasts"]] == [row["name"] for row in held["sae_list"]]
    for contrast in held["contrasts"]:
        best = served.get(contrast["address"].replace("?", ".json?")).json()["candidates"][:5]
        assert [row["feature"] for row in contrast["candidates"]] == [row["feature"] for row in best]
        for row in contrast["candidates"]:
            assert f'href="{row["address"]}"' in page
            (marked,) = [part["text"] for part in row["sentence"] if part["marked"]]
            assert f'<mark class="hit">{marked}</mark>' in page


def test_every_link_leads_somewhere_on_this_server(served: Served) -> None:
    page = served.get("/").text
    links = sorted({unescape(link) for link in re.findall(r'(?:href|action)="([^"#]+)"', page)})
    elsewhere = [link for link in links if not link.startswith("/")]
    assert elsewhere == ["https://datasette.io/"]
    for link in links:
        if link.startswith("/") and "activations" not in link:
            assert served.get(link, None).status_code in (200, 302), link


def test_each_saved_query_is_linked_by_its_title(served: Served) -> None:
    groups = served.get("/start.json").json()["queries"]
    links = {query["title"]: query["address"] for group in groups for query in group["queries"]}
    assert set(links) == {query.title for query in saved_queries().values()}
    for title, address in links.items():
        assert title in unescape(served.get(address, None).text), address


def test_nothing_is_linked_twice_in_its_body(served: Served) -> None:
    body = served.get("/").text.partition('id="saes"')[2]
    links = re.findall(r'href="([^"]+)"', body)
    assert len(links) == len(set(links))


def test_every_saved_query_that_a_database_here_answers_is_listed_by_group(served: Served) -> None:
    held = served.get("/start.json").json()
    listed = {query["title"] for group in held["queries"] for query in group["queries"]}
    assert listed == {query.title for query in saved_queries().values() if query.database in served.datasette.databases}


def test_a_search_that_is_offered_finds_something(served: Served) -> None:
    tries = served.get("/start.json").json()["tries"]
    assert len(tries) == 3
    for text in tries:
        assert served.get("/find.json", q=text).json()["found"]


def test_the_last_runs_are_shown_with_their_errors(served: Served) -> None:
    newest = served.get("/start.json").json()["runs"][0]
    assert (newest["status"], newest["error"]) == ("failed", "broken.jsonl: line 3 is not JSON")
    assert "broken.jsonl: line 3 is not JSON" in served.get("/").text


@pytest.mark.parametrize(
    "path", ["/.json", "/-/versions", "/-/metadata.json", "/-/settings.json", "/atlas.json", "/atlas"]
)
def test_datasettes_own_addresses_answer_as_before(path: str, served: Served) -> None:
    assert served.get(path).status_code == 200
    assert "atlas" in served.get("/.json").json()


def test_a_browser_is_given_no_script_and_no_leave_to_run_one(served: Served) -> None:
    answer = served.get("/")
    assert "<script" not in answer.text
    assert " style=" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
