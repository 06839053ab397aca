"""A typed sentence: what fires on it is what an ingest stores, and the model's process is bounded and replaceable."""

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from atlas.publish import publish
from atlas.site.live.firing import (
    Strengths,
    activations_of,
    by_rarity,
    by_surprise,
    features_by_token,
    strongest_features,
    tokens_of,
)
from atlas.site.live.model import LONGEST_TEXT, LiveError, LiveModel
from atlas.site.live.switch import switch_on
from atlas.site.serve import current_folder, datasette_of
from ingest.encode.batch import BatchEncoder
from ingest.encode.typed import encode_typed
from ingest.models.names import parse_sae_name
from schema import open_atlas

if TYPE_CHECKING:
    from ingest.models.language_model import LanguageModel
    from ingest.models.sae import LoadedSAE

SAE = str(parse_sae_name("pocket"))
TOKENS = [
    {"position": 1, "token_id": 7, "char_start": 0, "char_end": 3},
    {"position": 2, "token_id": 8, "char_start": 3, "char_end": 7},
]
FIRING = [
    {"position": 1, "feature": 5, "activation": 2.0},
    {"position": 1, "feature": 3, "activation": 1.0},
    {"position": 2, "feature": 3, "activation": 4.0},
]


def test_features_are_told_by_their_largest_activation() -> None:
    assert strongest_features(FIRING) == [
        {"feature": 3, "activation": 4.0, "position": 2, "active_tokens": 2},
        {"feature": 5, "activation": 2.0, "position": 1, "active_tokens": 1},
    ]


def test_rare_features_come_first_when_asked() -> None:
    features = [
        {"feature": feature, "density": density, "activation": activation}
        for feature, density, activation in [(1, 0.5, 9.0), (2, None, 8.0), (3, 0.1, 1.0), (4, 0.1, 2.0)]
    ]
    assert [each["feature"] for each in by_rarity(features)] == [4, 3, 1, 2]


def test_what_is_particular_to_a_text_comes_first() -> None:
    histograms = [(1, 0, 900), (1, 8, 90), (1, 16, 9), (2, 8, 4), (3, -8, 50)]
    strengths = Strengths.of({"feature": feature, "bin": bin_, "tokens": count} for feature, bin_, count in histograms)
    reached = [(1, 1.0, 999), (1, 2.1, 99), (1, 3.9, 9), (1, 4.0, 9), (1, 4.6, 0), (2, 0.1, 4), (3, 0.6, 0), (4, 9, 0)]
    assert [strengths.as_strong(feature, activation) for feature, activation, _ in reached] == [r[2] for r in reached]
    features = [
        {"feature": feature, "as_strong": as_strong, "activation": activation}
        for feature, as_strong, activation in [(1, 900, 90.0), (2, 0, 3.0), (3, None, 99.0), (4, 0, 5.0), (5, 7, 1.0)]
    ]
    assert [each["feature"] for each in by_surprise(features)] == [4, 2, 5, 1, 3]


def test_tokens_are_told_by_their_strongest_features() -> None:
    tokens = tokens_of("The doc", TOKENS)
    assert [token["text"] for token in tokens] == ["The", " doc"]
    told = features_by_token(tokens, FIRING, 1)
    assert [(token["active_features"], [each["feature"] for each in token["features"]]) for token in told] == [
        (2, [5]),
        (1, [3]),
    ]


def test_a_text_is_shaded_by_one_feature() -> None:
    assert [token["activation"] for token in activations_of(TOKENS, FIRING, 3)] == [1.0, 4.0]
    assert [token["activation"] for token in activations_of(TOKENS, FIRING, None)] == [0.0, 0.0]


def test_what_fires_is_what_an_ingest_stores(
    bundled_atlas: Path, pocket: "tuple[LanguageModel, list[LoadedSAE]]"
) -> None:
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


def test_a_text_beyond_a_window_is_cut_there(pocket: "tuple[LanguageModel, list[LoadedSAE]]") -> None:
    model, saes = pocket
    encoder = BatchEncoder.of(model, saes)
    typed = encode_typed(encoder, "fever " * 300)
    assert len(typed.tokens) == encoder.tokenization.window_tokens
    assert typed.left_out > 100
    assert max(each.position for each in typed.firing[0]) <= encoder.tokenization.window_tokens
    assert encode_typed(encoder, "").tokens == []


async def _conversation(folder: Path) -> None:
    """One process, asked everything; loading it is what takes time."""
    model = LiveModel([SAE], waiting=2)
    datasette = datasette_of(folder)
    switch_on(datasette, model)

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
        assert first["address"] == f"/feature/{SAE}/{first['feature']}"
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
        await _is_bounded(model)
    finally:
        model.close()
        for database in datasette.databases.values():
            database.close()


async def _is_bounded(model: LiveModel) -> None:
    asked = await asyncio.gather(*(model.ask("kidney " * 200) for _ in range(6)), return_exceptions=True)
    assert [isinstance(answer, dict) for answer in asked] == [True] * 3 + [False] * 3
    assert all("too many" in str(answer) for answer in asked[3:])
    model.seconds = 0.0
    with pytest.raises(LiveError, match="took longer than"):
        await model.ask("slow")
    model.seconds = 60.0
    with pytest.raises(LiveError, match="being loaded"):
        await model.ask("too early again")
    await model.ready()
    assert len((await model.ask("Back again."))["tokens"]) == 4
    assert model.pid is not None
    os.kill(model.pid, signal.SIGKILL)
    with pytest.raises(LiveError, match="started again"):
        await model.ask("killed")


def test_a_typed_sentence_is_answered_and_bounded(atlas_copy: Path, tmp_path: Path) -> None:
    publish(atlas_copy, tmp_path / "site")
    asyncio.run(_conversation(current_folder(tmp_path / "site")))


def test_a_model_that_cannot_be_loaded_says_so() -> None:
    async def ask() -> None:
        model = LiveModel(["no-such-release/none"])
        try:
            with pytest.raises(LiveError, match=r"cannot be loaded: .*no-such-release"):
                await model.ready()
        finally:
            model.close()

    asyncio.run(ask())


def test_without_live_the_page_says_how_to_have_it(atlas_copy: Path, tmp_path: Path) -> None:
    publish(atlas_copy, tmp_path / "site")

    async def get() -> Any:
        datasette = datasette_of(current_folder(tmp_path / "site"))
        return await datasette.client.get("/live")

    response = asyncio.run(get())
    assert response.status_code == 404
    assert "atlas serve SITE --live" in response.text
