"""A typed sentence: what fires on it is what an ingest stores, and the model's process is bounded and replaceable."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from atlas.exchange.arrivals import ImportRequest, import_exports
from atlas.publish import publish
from atlas.site.live.model import MOST_DOSE, LiveModel
from atlas.site.live.model_process import LONGEST_TEXT, LiveError
from atlas.site.live.plugin import saes_for_live_model, switch_on_live_model
from atlas.site.pages.live.firing import (
    Strengths,
    features_by_token,
    live_page_activations,
    live_page_by_particularity,
    live_page_by_rarity,
    strongest_live_features,
    tokens_of_live_text,
)
from atlas.site.serve import datasette_of, served_snapshot_folder
from ingest.encode.batch import BatchEncoder
from ingest.encode.typed_text import encode_typed
from ingest.models.names import parse_sae_name
from schema import AtlasError, open_atlas
from tests.atlas.exchange.test_import import FIRST, dashboards
from tests.made.patience import PATIENCE_SECONDS
from tests.made.tiny_atlas import SAES

if TYPE_CHECKING:
    from ingest.models.language_model import LanguageModel
    from ingest.models.sae import SAE

SAE_NAME = str(parse_sae_name("pocket"))
TOKENS = [
    {"position": 1, "token_id": 7, "char_start": 0, "char_end": 3},
    {"position": 2, "token_id": 8, "char_start": 3, "char_end": 7},
]
WORDS = ("fever", "song", "house", "letter", "winter", "stone", "market", "river", "window", "garden")
FIRING = [
    {"position": 1, "feature": 5, "activation": 2.0},
    {"position": 1, "feature": 3, "activation": 1.0},
    {"position": 2, "feature": 3, "activation": 4.0},
]


def test_features_are_told_by_their_largest_activation() -> None:
    assert strongest_live_features(FIRING) == [
        {"feature": 3, "activation": 4.0, "position": 2, "active_tokens": 2},
        {"feature": 5, "activation": 2.0, "position": 1, "active_tokens": 1},
    ]


def test_rare_features_come_first_when_asked() -> None:
    features = [
        {"feature": feature, "density": density, "activation": activation}
        for feature, density, activation in [(1, 0.5, 9.0), (2, None, 8.0), (3, 0.1, 1.0), (4, 0.1, 2.0)]
    ]
    assert [each["feature"] for each in live_page_by_rarity(features)] == [4, 3, 1, 2]


def test_what_is_particular_to_a_text_comes_first() -> None:
    histograms = [(1, 0, 900), (1, 8, 90), (1, 16, 9), (2, 8, 4), (3, -8, 50)]
    strengths = Strengths.of({"feature": feature, "bin": bin_, "tokens": count} for feature, bin_, count in histograms)
    reached = [(1, 1.0, 999), (1, 2.1, 99), (1, 3.9, 9), (1, 4.0, 9), (1, 4.6, 0), (2, 0.1, 4), (3, 0.6, 0), (4, 9, 0)]
    assert [strengths.as_strong(feature, activation) for feature, activation, _ in reached] == [r[2] for r in reached]
    features = [
        {"feature": feature, "as_strong": as_strong, "activation": activation}
        for feature, as_strong, activation in [(1, 900, 90.0), (2, 0, 3.0), (3, None, 99.0), (4, 0, 5.0), (5, 7, 1.0)]
    ]
    assert [each["feature"] for each in live_page_by_particularity(features)] == [4, 2, 5, 1, 3]


def test_tokens_are_told_by_their_strongest_features() -> None:
    tokens = tokens_of_live_text("The doc", TOKENS)
    assert [token["text"] for token in tokens] == ["The", " doc"]
    told = features_by_token(tokens, FIRING, 1)
    assert [(token["active_features"], [each["feature"] for each in token["features"]]) for token in told] == [
        (2, [5]),
        (1, [3]),
    ]


def test_a_text_is_shaded_by_one_feature() -> None:
    assert [token["activation"] for token in live_page_activations(TOKENS, FIRING, 3)] == [1.0, 4.0]
    assert [token["activation"] for token in live_page_activations(TOKENS, FIRING, None)] == [0.0, 0.0]


def test_what_fires_is_what_an_ingest_stores(bundled_atlas: Path, pocket: "tuple[LanguageModel, list[SAE]]") -> None:
    model, saes = pocket
    encoder = BatchEncoder.of(model, saes[1:])
    with open_atlas(bundled_atlas, read_only=True) as atlas:
        text, context = atlas.rows("SELECT text, context FROM document JOIN context USING (document) ORDER BY ALL")[17]
        stored = atlas.rows(
            f"SELECT position, feature, activation FROM activation WHERE context = {context} ORDER BY position, feature"
        )
    typed = encode_typed(encoder, text)
    found = sorted((each.position, each.feature, each.activation) for each in typed.firing[0])
    assert [place[:2] for place in found] == [place[:2] for place in stored]
    assert [place[2] for place in found] == pytest.approx([place[2] for place in stored], rel=1e-4)
    assert "".join(text[token.char_start : token.char_end] for token in typed.tokens) == text


def test_a_text_beyond_a_window_is_cut_there(pocket: "tuple[LanguageModel, list[SAE]]") -> None:
    model, saes = pocket
    encoder = BatchEncoder.of(model, saes)
    typed = encode_typed(encoder, "fever " * 300)
    assert len(typed.tokens) == encoder.tokenization.window_tokens
    assert typed.left_out > 100
    assert max(each.position for each in typed.firing[0]) <= encoder.tokenization.window_tokens
    assert encode_typed(encoder, "").tokens == []


def test_an_imported_sae_is_not_asked_for(tiny_copy: Path, tmp_path: Path) -> None:
    folder, imported = dashboards(tmp_path / "in", [FIRST]), tmp_path / "imported.duckdb"
    for atlas in (tiny_copy, imported):
        import_exports(ImportRequest(atlas, folder))
    with open_atlas(tiny_copy) as opened:
        opened.rows("UPDATE sae SET ordinal = (ordinal + 1) % (SELECT COUNT(*) FROM sae)")
        assert opened.rows("SELECT label FROM sae ORDER BY ordinal LIMIT 1") == [("toy/3-res-x",)]
    publish(tiny_copy, tmp_path / "site")
    assert saes_for_live_model(served_snapshot_folder(tmp_path / "site")) == tuple(f"tiny/{sae}" for sae in SAES)
    publish(imported, tmp_path / "imported")
    with pytest.raises(AtlasError, match="holds no SAE that a model has run"):
        saes_for_live_model(served_snapshot_folder(tmp_path / "imported"))


async def _conversation(folder: Path) -> None:
    """One process, asked everything; loading it is what takes time."""
    model = LiveModel([SAE_NAME], seconds=PATIENCE_SECONDS, waiting=2)
    datasette = datasette_of(folder)
    switch_on_live_model(datasette, model)

    async def get(path: str, status: int = 200, **query: str) -> Any:
        response = await datasette.client.get(f"{path}?{urlencode(query)}")
        assert response.status_code == status, response.text[:2000]
        return response

    try:
        assert "being loaded" in (await get("/live", 503, text="too early")).text
        await model.ready()
        assert "Type a sentence" in (await get("/live")).text
        hostile = "<script>alert(1)</script> <|endoftext|> {{ 7 * 7 }} 😀 disease"
        page = (await get("/live", text=hostile)).text
        assert "<script" not in page
        assert "{{ 7 * 7 }}" in page
        told = (await get("/live.json", text=hostile)).json()
        (sae,) = told["saes"]
        assert told["text"] == hostile
        assert "".join(token["text"] for token in sae["tokens"]).startswith(hostile.partition("😀")[0])
        assert told["tokens"] > 20, "a special token in a text is text"
        first = sae["features"][0]
        assert first["address"] == f"/feature/{SAE_NAME}/{first['feature']}"
        await get(first["address"])
        other = sae["features"][3]
        assert (await get("/live.json", text=hostile, feature=str(other["feature"]))).json()["saes"][0][
            "feature"
        ] == other["feature"]
        reached = [each["as_strong"] for each in sae["features"]]
        assert reached == sorted(reached)
        assert all(count < sae["tokens_read"] for count in reached)
        strongest = (await get("/live.json", text=hostile, order="strength")).json()["saes"][0]["features"]
        activations = [each["activation"] for each in strongest]
        assert activations == sorted(activations, reverse=True)
        assert f"at most {LONGEST_TEXT:,}" in (await get("/live", 400, text="x" * (LONGEST_TEXT + 1))).text
        await _tells_boxes_apart(get)
        await _steers(get, strongest[0])
        await _is_bounded(model)
    finally:
        model.close()
        for database in datasette.databases.values():
            database.close()


async def _steers(get: Callable[..., Any], first: dict[str, Any]) -> None:
    """A prompt by itself, steered, and pushed along another feature; the box stands on the feature's page."""
    box = (await get(first["address"])).text
    assert 'action="/steer"' in box
    hostile = "<script>alert(1)</script> {{ 7 * 7 }} The doctor said that"
    asked = {"sae": SAE_NAME, "feature": str(first["feature"]), "text": hostile}
    told = (await get("/steer.json", **asked, dose="4")).json()
    assert told["steered"]["feature"] == first["feature"] != told["random"]["feature"]
    assert told["steered"]["kl"] > 0.001
    assert told["continuation"] != told["steered"]["continuation"]
    nothing = (await get("/steer.json", **asked, dose="0")).json()
    assert nothing["steered"]["kl"] == pytest.approx(0, abs=1e-6)
    assert nothing["steered"]["continuation"] == nothing["continuation"] == nothing["random"]["continuation"]
    page = (await get("/steer", **asked, dose="nan")).text
    assert "<script" not in page
    assert "{{ 7 * 7 }}" in page
    assert (await get("/steer.json", **asked, dose="1e9")).json()["dose"] == MOST_DOSE
    assert "at most 500" in (await get("/steer", 400, **asked | {"text": "x" * 501})).text
    assert "do not fit the model" in (await get("/steer", 400, **asked | {"text": "7 " * 120})).text
    dead = (await get("/atlas/dead_features.json", sae=SAE_NAME, _shape="array")).json()
    asked |= {"feature": str(dead[0]["feature"])}
    told = (await get("/steer.json", **asked, dose="4")).json()
    assert (told["unit"], told["fired"]) == (1.0, False)
    beside = str(told["random"]["feature"])
    assert beside != asked["feature"]
    assert not (await get("/steer.json", **asked | {"feature": beside}, dose="4")).json()["fired"]
    assert "It has never fired here; a dose is 1.0." in (await get("/steer", **asked, dose="4")).text
    assert "give at least two" in (await get("/steer", 400, **asked | {"text": "."})).text
    assert "there is no feature" in (await get("/steer", 404, **asked | {"feature": "99999999"})).text
    assert "kept nowhere" in (await get("/steer", **asked | {"text": " "})).text


async def _tells_boxes_apart(get: Callable[..., Any]) -> None:
    """Two boxes of ten sentences each; turned round, each feature's AUROC is turned round too."""
    sick = [f"The doctor treated the {word} of the patient." for word in WORDS]
    well = [f"The orchestra played the {word} in the park." for word in WORDS]
    boxes = {"positive": "\n".join(sick) + "\n\n", "negative": "\n".join(well)}
    told = (await get("/boxes.json", **boxes)).json()
    assert told["saes"] == [{"name": SAE_NAME, "address": f"/sae/{SAE_NAME}"}]
    assert told["features"][0]["auroc"] == 1.0
    assert (told["features"][0]["fires_positive"], told["features"][0]["fires_negative"]) == (10, 0)
    assert all((each["density"] or 0) <= 0.05 for each in told["features"])
    areas = {each["feature"]: each["auroc"] for each in told["features"]}
    every = await get("/boxes.json", positive=boxes["negative"], negative=boxes["positive"], max_density="1")
    for each in every.json()["features"]:
        assert each["auroc"] == pytest.approx(1 - areas.get(each["feature"], 1 - each["auroc"]))
    page = (await get("/boxes", positive="<b>one</b>", negative="two")).text
    assert "1 positive and 1 negative sentences are too few to test" in page
    assert "<b>one" not in page
    assert "a box is empty" in (await get("/boxes", 400, positive="one")).text
    assert "two boxes" in (await get("/live")).text


async def _is_bounded(model: LiveModel) -> None:
    asked = await asyncio.gather(*(model.ask("kidney " * 200) for _ in range(6)), return_exceptions=True)
    assert [isinstance(answer, dict) for answer in asked] == [True] * 3 + [False] * 3
    assert all("too many" in str(answer) for answer in asked[3:])
    model.seconds = 0.0
    with pytest.raises(LiveError, match="took longer than"):
        await model.ask("slow")
    model.seconds = PATIENCE_SECONDS
    with pytest.raises(LiveError, match="being loaded"):
        await model.ask("too early again")
    await model.ready()
    assert len((await model.ask("Back again."))["tokens"]) == 4
    assert model.pid is not None
    os.kill(model.pid, signal.SIGKILL)
    with pytest.raises(LiveError, match="started again"):
        await model.ask("killed")


def test_a_typed_sentence_is_answered_and_bounded(bundled_site: Path) -> None:
    asyncio.run(_conversation(served_snapshot_folder(bundled_site)))


def test_a_model_that_cannot_be_loaded_says_so() -> None:
    async def ask() -> None:
        model = LiveModel(["no-such-release/none"])
        try:
            with pytest.raises(LiveError, match=r"cannot be loaded: .*no-such-release"):
                await model.ready()
        finally:
            model.close()

    asyncio.run(ask())


def test_without_live_the_page_says_how_to_have_it(tiny_snapshot: Path) -> None:
    async def get() -> Any:
        return await datasette_of(tiny_snapshot).client.get("/live")

    response = asyncio.run(get())
    assert response.status_code == 404
    assert "atlas serve SITE --live" in response.text
