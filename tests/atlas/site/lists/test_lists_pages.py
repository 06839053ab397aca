"""Lists in the browser: a feature is put into one on its page, and no page of another site can change any."""

import csv
import io
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from html import unescape
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from atlas.publish import publish
from atlas.site.guard.forms import CONTENT, LARGEST_FORM
from atlas.site.lists.feature_list import Listed
from atlas.site.lists.kept_lists import KeptLists, lists_of_server, switch_on_lists
from atlas.site.lists.store import FILE, FeatureLists
from atlas.site.pages.addresses import list_address
from atlas.site.pages.lists import A_PAGE
from atlas.site.serve import served_snapshot_folder
from schema import open_atlas
from tests.made.activation_pages import Served, serving

SAE = "tiny/blocks.1.hook_resid_pre"
RELEASE, SAE_ID = SAE.split("/")
HOSTILE = "<script>alert(1)</script> {{ 7 * 7 }} \"onmouseover='x'"
LABEL = "asthma, cancer, measles"
NOTE = "fires\non disease"
OWN = {"Origin": "http://localhost", "Content-Type": CONTENT}
Client = Any


@pytest.fixture(scope="module")
def served(tiny_snapshot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    lists = FeatureLists.open(tmp_path_factory.mktemp("site") / FILE)
    with serving(tiny_snapshot, secret=lists.secret) as found:
        switch_on_lists(found.datasette, KeptLists(lists))
        yield found


def token_of(served: Served, path: str = "/lists") -> str:
    found = re.search(r'name="csrftoken" value="([^"]+)"', served.get(path).text)
    assert found
    return found[1]


def sent(served: Served, form: dict[str, str], status: int = 303, *, cookie: str | None = None, **headers: str) -> Any:
    """The answer to a form as a browser sends it, with the token of a page and its cookie."""
    token = token_of(served)
    body = urlencode({"csrftoken": token, **form})
    cookies = {"ds_csrftoken": token if cookie is None else cookie}
    told = {**OWN, **{name.replace("_", "-"): value for name, value in headers.items()}}
    response = served.run(served.datasette.client.post("/lists", content=body, headers=told, cookies=cookies))
    assert response.status_code == status, response.text[:1000]
    return response


def test_a_feature_is_put_into_a_list_on_its_page_and_shown_there(served: Served) -> None:
    page = f"/feature/{SAE}/1"
    assert "None yet." in served.get(page).text
    put = {
        "do": "put",
        "sae": SAE,
        "feature": "1",
        "list": "",
        "name": "To look at / 1.json",
        "note": NOTE,
    }
    assert sent(served, put).headers["location"] == f"{page}#lists"
    told = served.get(f"{page}.json").json()["lists"]
    assert [(each["name"], each["note"]) for each in told["holding"]] == [("To look at / 1.json", NOTE)]
    address = told["holding"][0]["address"]
    assert address in served.get(page).text
    shown = served.get(f"{address}.json").json()
    assert [
        (row["release"], row["sae_id"], row["feature"], row["label"], row["address"]) for row in shown["features"]
    ] == [(RELEASE, SAE_ID, 1, LABEL, page)]
    assert LABEL in served.get(address).text
    (quick,) = shown["quick_lists"]
    assert parse_qs(urlsplit(quick).query)["features"] == ['[{"modelId":"tiny","layer":"1-res","index":"1"}]']
    rows = list(csv.DictReader(io.StringIO(served.get(f"{address}.csv").text)))
    assert [(row["feature"], row["note"], row["label"]) for row in rows] == [("1", NOTE, LABEL)]
    assert served.get(page).headers["cache-control"] == "private, no-store"


def test_a_list_is_made_described_noted_and_deleted_on_its_page(served: Served) -> None:
    made = sent(served, {"do": "create", "name": "mine", "description": "first"}).headers["location"]
    assert "The list is empty." in served.get(made).text
    sent(served, {"do": "put", "sae": SAE, "feature": "2", "list": "mine", "note": "one"})
    of_feature = {"list": "mine", "release": RELEASE, "sae_id": SAE_ID, "feature": "2"}
    assert sent(served, {"do": "note", **of_feature, "note": "two"}).headers["location"] == made
    assert [row["note"] for row in served.get(f"{made}.json").json()["features"]] == ["two"]
    moved = sent(served, {"do": "describe", "list": "mine", "name": "ours", "description": "second"})
    assert moved.headers["location"] == "/list/ours"
    assert served.get("/list/ours.json").json()["description"] == "second"
    served.get("/list/mine", 404)
    sent(served, {"do": "remove", **of_feature, "list": "ours"})
    assert served.get("/list/ours.json").json()["features"] == []
    assert "tick the box" in sent(served, {"do": "delete", "list": "ours"}, 400).text
    assert sent(served, {"do": "delete", "list": "ours", "sure": "yes"}).headers["location"] == "/lists"
    assert "ours" not in [row["name"] for row in served.get("/lists.json").json()["lists"]]


def test_a_long_list_is_shown_a_page_at_a_time_and_taken_along_whole(served: Served) -> None:
    kept = lists_of_server(served.datasette)
    assert kept is not None
    made = list_address(served.datasette, kept.lists.create("long"))
    many = [Listed(RELEASE, SAE_ID, feature, f"note {feature}.") for feature in range(2 * A_PAGE + 30)]
    kept.lists.put("long", *many)
    pages = [served.get(made, page=number).text for number in (1, 2, 3)]
    shown = [list(map(int, re.findall(r"note (\d+)\.</bdi>", page))) for page in pages]
    assert [len(part) for part in shown] == [A_PAGE, A_PAGE, 30]
    assert sorted(chain.from_iterable(shown)) == [each.feature for each in many]
    for other in ("", "?page=x", "?page=0", "?page=-1"):
        assert "1 to 100 of 230" in served.get(made + other).text
    links = [re.findall(r'rel="(prev|next)" href="([^"]+)"', page) for page in pages]
    assert links == [
        2 * [("next", f"{made}?page=2")],
        2 * [("prev", made), ("next", f"{made}?page=3")],
        2 * [("prev", f"{made}?page=2")],
    ]
    assert "101 to 200 of 230" in pages[1] and "with its 230 features" in pages[2]
    quick = [unescape(link) for page in pages for link in re.findall(r'href="([^"]*quick-list[^"]*)"', page)]
    named = [parse_qs(urlsplit(link).query)["name"][0] for link in quick]
    assert named == ["long, page 1 of 3"]  # of the twelve features that this atlas has
    assert len(served.get(f"{made}.json").json()["features"]) == 230
    assert len(list(csv.DictReader(io.StringIO(served.get(f"{made}.csv").text)))) == 230
    of_feature = {"list": "long", "release": RELEASE, "sae_id": SAE_ID, "feature": str(shown[2][0]), "page": "3"}
    assert sent(served, {"do": "note", **of_feature, "note": "x"}).headers["location"] == f"{made}?page=3"
    for feature in shown[2]:
        kept.lists.remove("long", RELEASE, SAE_ID, feature)
    assert "101 to 200 of 200" in served.get(made, page=3).text
    kept.lists.delete("long")


def test_hostile_texts_are_shown_as_texts(served: Served) -> None:
    made = sent(served, {"do": "create", "name": HOSTILE, "description": HOSTILE}).headers["location"]
    sent(served, {"do": "put", "sae": SAE, "feature": "3", "list": HOSTILE, "note": HOSTILE})
    for path in (made, "/lists", f"/feature/{SAE}/3"):
        page = served.get(path).text
        assert "<script>alert" not in page
        assert '"onmouseover' not in page
        assert "{{ 7 * 7 }}" in page
    assert served.get(f"{made}.json").json()["features"][0]["note"] == HOSTILE


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({"Origin": "http://evil.example"}, 403, "another address"),
        ({"Origin": "null"}, 403, "another address"),
        ({"Origin": ""}, 403, "another address"),
        ({"Origin": "http://evil.example", "Host": "evil.example"}, 403, "another address"),
        ({"Sec_Fetch_Site": "cross-site"}, 403, "another site"),
        ({"Sec_Fetch_Site": "same-site"}, 403, "another site"),
        ({"Content_Type": "text/plain"}, 415, "x-www-form-urlencoded"),
        ({"Content_Type": "multipart/form-data; boundary=x"}, 415, "x-www-form-urlencoded"),
        ({"Content_Length": str(LARGEST_FORM + 1)}, 413, "at most 32,768 bytes"),
        ({"Content_Length": "-1"}, 411, "Content-Length"),
        ({"Content_Length": "9" * 4_000}, 413, "at most"),
    ],
)
def test_a_form_of_another_page_is_refused(headers: dict[str, str], status: int, said: str, served: Served) -> None:
    before = served.get("/lists.json").json()
    assert said in sent(served, {"do": "create", "name": "theirs"}, status, **headers).text
    assert served.get("/lists.json").json() == before


@pytest.mark.parametrize("cookie", ["", "forged", "ImEi.c2lnbmVk"])
def test_a_form_without_the_token_of_its_visit_is_refused(cookie: str, served: Served) -> None:
    made = {"do": "create", "name": "theirs"}
    assert "load its page again" in sent(served, made, 403, cookie=cookie).text
    assert "load its page again" in sent(served, made | {"csrftoken": cookie}, 403, cookie=cookie).text
    assert "load its page again" in sent(served, made | {"csrftoken": token_of(served)[:-1]}, 403).text
    assert "theirs" not in [row["name"] for row in served.get("/lists.json").json()["lists"]]


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ({}, 400, "does not say what to do"),
        ({"do": "drop"}, 400, "does not say what to do"),
        ({"do": "create", "name": " "}, 400, "needs a name"),
        ({"do": "create", "name": "x", "description": "y" * 2_001}, 400, "at most 2,000"),
        ({"do": "put", "sae": "nowhere", "feature": "1", "name": "x"}, 404, "holds no SAE"),
        ({"do": "put", "sae": SAE, "feature": "12", "name": "x"}, 400, "features 0 to 11"),
        ({"do": "put", "sae": SAE, "feature": "-1", "name": "x"}, 400, "is no feature"),
        ({"do": "put", "sae": SAE, "feature": "٣", "name": "x"}, 400, "is no feature"),
        ({"do": "put", "sae": SAE, "feature": "9" * 30, "name": "x"}, 400, "is no feature"),
        ({"do": "note", "list": "nowhere", "feature": "1"}, 404, "there is no list"),
        ({f"f{number}": "" for number in range(30)}, 400, "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_told_and_done_by_no_half(
    form: dict[str, str], status: int, said: str, served: Served
) -> None:
    before = served.get("/lists.json").json()
    assert said in sent(served, form, status).text
    assert served.get("/lists.json").json() == before


def test_a_body_beyond_its_length_is_not_read(served: Served) -> None:
    body = urlencode({"csrftoken": token_of(served), "do": "create", "name": "x" * 2 * LARGEST_FORM})
    told = {**OWN, "Content-Length": "10"}
    cookies = {"ds_csrftoken": token_of(served)}
    response = served.run(served.datasette.client.post("/lists", content=body, headers=told, cookies=cookies))
    assert response.status_code in (400, 403)


def test_only_the_one_address_takes_forms_and_only_where_lists_are_kept(served: Served, tiny_snapshot: Path) -> None:
    for path in ("/", "/list/mine", "/lists.json", f"/feature/{SAE}/1", "/atlas", "/-/messages"):
        response = served.run(served.datasette.client.post(path, content="", headers=OWN))
        assert response.status_code == 405, path
    assert served.run(served.datasette.client.put("/lists", content="", headers=OWN)).status_code == 405
    with serving(tiny_snapshot) as other:
        assert other.run(other.datasette.client.post("/lists", content="", headers=OWN)).status_code == 405
        assert "atlas serve SITE --lists" in other.get("/lists", 404).text
        assert other.get(f"/feature/{SAE}/1.json").json()["lists"] is None
        assert "max-age" in other.get(f"/feature/{SAE}/1").headers["cache-control"]


def test_a_list_outlives_a_new_snapshot_and_tells_what_is_another_feature_there(
    tiny_snapshot: Path, tiny_copy: Path, tmp_path: Path
) -> None:
    lists = FeatureLists.open(tmp_path / FILE)
    lists.create("kept")
    site = tmp_path / "site"
    with serving(tiny_snapshot, secret=lists.secret) as before:
        switch_on_lists(before.datasette, KeptLists(lists))
        token = token_of(before)
        for feature in ("1", "11"):
            sent(before, {"do": "put", "sae": SAE, "feature": feature, "list": "kept"})
    with open_atlas(tiny_copy) as atlas:
        atlas.rows("UPDATE sae SET weights_sha256 = 'other' WHERE label = ?", [SAE])
    publish(tiny_copy, site)
    with serving(served_snapshot_folder(site), secret=FeatureLists.open(tmp_path / FILE).secret) as after:
        switch_on_lists(after.datasette, KeptLists(FeatureLists.open(tmp_path / FILE)))
        shown = after.get("/list/kept.json").json()["features"]
        assert [(row["feature"], row["address"], row["other_weights"]) for row in shown] == [
            (1, f"/feature/{SAE}/1", True),
            (11, f"/feature/{SAE}/11", True),
        ]
        assert "other weights here" in after.get("/list/kept").text
        sent(after, {"csrftoken": token, "do": "create", "name": "more"}, cookie=token)
    with closing(sqlite3.connect(tmp_path / FILE)) as file:
        file.execute("UPDATE listed SET release = 'elsewhere'")
        file.commit()
    with serving(served_snapshot_folder(site)) as away:
        switch_on_lists(away.datasette, KeptLists(lists))
        assert [row["address"] for row in away.get("/list/kept.json").json()["features"]] == [None, None]
        assert "not in this atlas" in away.get("/list/kept").text
