"""The page of a feature: its numbers are the stored ones, hostile text is text, a part is there when it is filled."""

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from html import unescape
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.publish import publish
from atlas.site.pages.feature import SECTIONS
from atlas.site.pages.feature.contrasts import evidence_on_feature_page
from atlas.site.pages.feature.histogram import HEIGHT, drawn_histogram, histogram_axis, histogram_outline
from atlas.site.pages.figures import figure
from atlas.site.pages.shading import LEVELS, shade_level, shaded_by_activation, shaded_markup
from schema import open_atlas
from tests.made.activation_pages import Served, serving
from tests.made.tiny_atlas import FEATURES

SAE = "tiny/blocks.1.hook_resid_pre"
DISEASES = f"/feature/{SAE}/1"
SILENT, ON_BOS = f"/feature/{SAE}/8", f"/feature/{SAE}/9"
HOSTILE = "</p></bdi><script>alert('x')</script> \"><img src=x onerror=alert(1)> {{ 7 * 7 }} \x00 שלום\u202e 👩‍🚀"
HOSTILE_COLUMNS = {
    "document": ("text", "external_id"),
    "token": ("text",),
    "vocabulary": ("text",),
    "corpus": ("domain",),
    "contrast": ("name",),
    "explanation": ("text", "target"),
    "direct_attribution": ("text",),
    "patch_pair": ("clean_text", "corrupted_text"),
    "token_attribution": ("text",),
    "steering": ("text", "continuation"),
    "steering_effect": ("continuation",),
    "feature_domain": ("domain",),
}


@pytest.fixture(scope="module")
def tiny(tiny: Path) -> Path:
    with open_atlas(tiny) as atlas, atlas.transaction():
        atlas.duckdb.execute("UPDATE sae SET neuronpedia_id = 'gpt2-small/8-res-jb' WHERE sae = 0")
        atlas.duckdb.execute("DELETE FROM feature_neighbour")
        atlas.duckdb.execute("INSERT INTO feature_neighbour VALUES (0, 1, 1, 10, 0.5), (0, 1, 2, 4, 0.25)")
    return tiny


@pytest.fixture(scope="module")
def folder(tiny: Path) -> Path:
    return publish(tiny, tiny.parent / "site").folder


@pytest.fixture(scope="module")
def pages(folder: Path) -> Iterator[Served]:
    with serving(folder) as served:
        yield served


@pytest.fixture(scope="module")
def diseases(pages: Served) -> Any:
    return pages.get(f"{DISEASES}.json").json()


def headings(page: str) -> list[str]:
    return re.findall(r"<h2 id=\"(\w+)-heading\">", page)


def text_of(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


def atlas_rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with open_atlas(path, read_only=True) as atlas:
        return atlas.duckdb.execute(sql).fetchall()


def test_the_heading_names_the_sae_and_the_index(pages: Served) -> None:
    page = pages.get(DISEASES).text
    heading = re.search(r"<h1>(.*?)</h1>", page, re.DOTALL)
    assert heading
    assert text_of(heading[1]) == f"{SAE} Feature #1"
    assert f"<title>{SAE} #1</title>" in page
    assert '<html lang="en">' in page


def test_the_json_has_every_part(diseases: Any) -> None:
    names = {section.name for section in SECTIONS}
    assert {name for name in names if diseases[name]} == names - {"lists"}  # which this server does not keep
    assert (diseases["feature"], diseases["sae"]["name"]) == (1, SAE)
    assert diseases["previous"] == f"/feature/{SAE}/0"
    assert diseases["next"] == f"/feature/{SAE}/2"


def test_every_part_has_its_heading_and_a_link_to_it(pages: Served, diseases: Any) -> None:
    page = pages.get(DISEASES).text
    assert set(headings(page)) == {name for name in diseases if f'id="{name}"' in page}
    assert set(re.findall(r'<li><a href="#(\w+)">', page)) == set(headings(page))
    assert {"sentences", "contrasts", "prompts", "neighbours", "together", "terms"} <= set(headings(page))


def test_the_statistics_are_the_stored_ones(tiny: Path, diseases: Any) -> None:
    names = ("name", "documents", "active_tokens", "density", "mean", "std", "skewness", "kurtosis", "max_activation")
    stored = atlas_rows(
        tiny, f"SELECT {', '.join(names)} FROM feature_corpus JOIN corpus USING (corpus) WHERE sae = 0 AND feature = 1"
    )
    shown = [tuple(corpus[name] for name in names) for corpus in diseases["activity"]["corpora"]]
    active = [corpus for corpus in shown if corpus[2]]
    assert sorted(active) == [pytest.approx(row) for row in sorted(stored)]
    assert len(shown) == 3
    assert diseases["activity"]["active_tokens"] == sum(row[2] for row in stored)


def test_the_histogram_holds_every_active_token(diseases: Any) -> None:
    for corpus in diseases["histogram"]["corpora"]:
        assert sum(bin_["tokens"] for bin_ in corpus["bins"]) == corpus["active_tokens"]


def test_the_strongest_sentences_come_by_strength(pages: Served, diseases: Any) -> None:
    strongest = diseases["sentences"]["strongest"]
    activations = [sentence["activation"] for sentence in strongest]
    assert activations == sorted(activations, reverse=True)
    assert diseases["sentences"]["others"] == len({sentence["corpus"] for sentence in strongest}) - 1 > 0
    assert "By strength: the 6 strongest of the corpus where it is strongest" in pages.get(DISEASES).text


def test_every_token_of_a_sentence_has_its_activation(tiny: Path, diseases: Any) -> None:
    stored = {
        (context, position): activation
        for context, position, activation in atlas_rows(
            tiny, "SELECT context, position, activation FROM activation WHERE sae = 0 AND feature = 1"
        )
    }
    sentences = diseases["sentences"]["strongest"] + diseases["sentences"]["octaves"]
    assert diseases["sentences"]["every_token"]
    assert {sentence["sampling"] for sentence in sentences} == {"top", "octave"}
    assert len({sentence["corpus"] for sentence in sentences}) > 1
    for sentence in sentences:
        for token in sentence["tokens"]:
            assert token["activation"] == stored.get((sentence["context"], token["position"]), 0.0)
            assert sentence["text"][token["char_start"] : token["char_end"]] == token["text"]
        assert max(token["activation"] for token in sentence["tokens"]) == sentence["activation"]


def test_sentences_are_whole_and_shaded(pages: Served, diseases: Any) -> None:
    shown = re.findall(r'<p class="sentence" dir="auto">(.*?)</p>', pages.get(DISEASES).text, re.DOTALL)
    sentences = diseases["sentences"]["strongest"] + diseases["sentences"]["octaves"]
    for html, sentence in zip(shown, sentences, strict=False):
        assert text_of(html) == sentence["text"]
        peak = re.search(r'<mark class="w\d+ peak" title="token \d+: ([^"]+)">([^<]+)</mark>', html)
        assert peak
        assert (peak[1], peak[2]) == (figure(sentence["activation"]), sentence["token"].strip())
    assert 'class="w10 peak"' in shown[0]


def test_one_sentence_an_octave_is_the_one_with_the_smallest_hash(tiny: Path, diseases: Any) -> None:
    rows = atlas_rows(
        tiny,
        "SELECT octave, arg_min(context, content_hash) FROM feature_example JOIN context USING (context) "
        "WHERE sae = 0 AND feature = 1 AND sampling = 'octave' GROUP BY octave ORDER BY octave DESC",
    )
    assert [(sentence["octave"], sentence["context"]) for sentence in diseases["sentences"]["octaves"]] == rows


def test_shapley_values_add_up(diseases: Any) -> None:
    for prompt in diseases["prompts"]["prompts"]:
        total = sum(token["value"] for token in prompt["tokens"])
        assert total == pytest.approx(prompt["full_value"] - prompt["base_value"])


def test_effects_are_means_over_predictions(tiny: Path, diseases: Any) -> None:
    rows = atlas_rows(tiny, "SELECT count(*), avg(value) FROM feature_attribution WHERE sae = 0 AND feature = 1")
    assert (diseases["effects"]["prompts"], diseases["effects"]["mean_value"]) == pytest.approx(rows[0])


def test_neighbours_are_linked_in_their_order(pages: Served, diseases: Any) -> None:
    assert [row["other_feature"] for row in diseases["neighbours"]["features"]] == [10, 4]
    assert f'<a href="/feature/{SAE}/10">#10</a>' in pages.get(DISEASES).text


def test_features_that_fire_with_it_peak_on_its_tokens(tiny: Path, diseases: Any) -> None:
    found = {row["other_feature"]: row["windows"] for row in diseases["together"]["features"]}
    rows = atlas_rows(
        tiny,
        "WITH own AS (SELECT DISTINCT context, position FROM feature_example "
        "WHERE sae = 0 AND feature = 1 AND sampling = 'top') "
        "SELECT feature, count(DISTINCT context) FROM feature_example JOIN own USING (context, position) "
        "WHERE sae = 0 AND feature <> 1 GROUP BY feature",
    )
    assert found == dict(rows)


def test_terms_are_those_it_fires_on(diseases: Any) -> None:
    found = {row["term"]: (row["fires_on"], row["documents"]) for row in diseases["terms"]["terms"]}
    assert found == dict.fromkeys(("Tuberculosis", "Asthma", "Lung cancer", "pneumonia", "Measles", "diabetes"), (1, 1))


def test_every_link_on_the_page_leads_somewhere(pages: Served) -> None:
    page = pages.get(DISEASES).text
    links = {unescape(link) for link in re.findall(r'(?:href|src)="(/[^"#]*)"', page)}
    assert any("feature_confirmation?" in link for link in links)
    assert any(link.startswith("/activations/features_together?") for link in links)
    for link in sorted(links):
        pages.get(link)


def test_rows_behind_a_part_are_those_it_shows(pages: Served, diseases: Any) -> None:
    address = diseases["activity"]["rows"].replace("?", ".json?_shape=array&")
    rows = pages.get(address).json()
    assert {(row["feature"], row["active_tokens"]) for row in rows} == {
        (1, corpus["active_tokens"]) for corpus in diseases["activity"]["corpora"] if corpus["active_tokens"]
    }


def test_neuronpedia_is_a_link_in_its_own_spelling(pages: Served) -> None:
    page = pages.get(DISEASES).text
    assert 'href="https://www.neuronpedia.org/gpt2-small/8-res-jb/1"' in page
    assert "neuronpedia" not in pages.get("/feature/tiny/blocks.2.hook_resid_pre/4").text
    assert not re.search(r'(?:src|<link[^>]+href)="https?:', page)


def test_a_feature_that_never_fires_says_so(pages: Served) -> None:
    page = pages.get(SILENT).text
    assert "It fires on none of the 121 tokens in 15 documents" in page
    assert headings(page) == ["weights", "activity", "family", "elsewhere"]
    assert "at 12.5" not in page
    assert "but on BOS, at 30" in pages.get(ON_BOS).text


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("/feature/tiny/blocks.7.hook_resid_pre/1", "it holds: tiny/blocks.1.hook_resid_pre, tiny/blocks.2"),
        (f"/feature/{SAE}/{FEATURES}", "has 12 features, 0 to 11; there is no feature 12"),
        (f"/feature/{SAE}/99999999999999999999999", "there is no feature 99999999999999999999"),
        (f"/feature/{SAE}/-1", "names no feature"),
        (f"/feature/{SAE}/one", "the index from 0"),
        ("/feature/1", "names no feature"),
        (f"/feature/{SAE}/²", "names no feature"),
        ("/feature/%ff%22/1", "holds no SAE"),
        ("/feature/<script>alert(1)</script>/1", "holds no SAE"),
    ],
)
def test_what_is_not_there_is_answered_with_advice(address: str, advice: str, pages: Served) -> None:
    page = pages.get(address, 404).text
    assert advice in text_of(page)
    assert "<script" not in page
    assert advice in pages.get(f"{address}.json", 404).json()["error"]


def test_the_two_ends_have_one_neighbour(pages: Served) -> None:
    first, last = (pages.get(f"/feature/{SAE}/{index}.json").json() for index in (0, FEATURES - 1))
    assert (first["previous"], first["next"]) == (None, f"/feature/{SAE}/1")
    assert (last["previous"], last["next"]) == (f"/feature/{SAE}/{FEATURES - 2}", None)


def test_spellings_of_one_address(pages: Served) -> None:
    expected = pages.get(f"{DISEASES}.json").json()
    assert pages.get("/feature/tiny%2Fblocks.1.hook_resid_pre/1.json").json() == expected
    assert pages.get(f"{DISEASES}/").text == pages.get(DISEASES).text.replace(f"{DISEASES}.json", f"{DISEASES}/.json")


@pytest.fixture(scope="module")
def hostile(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("hostile") / "hostile.duckdb"
    path.write_bytes(tiny.read_bytes())
    with open_atlas(path) as atlas, atlas.transaction():
        for table, columns in HOSTILE_COLUMNS.items():
            for column in columns:
                atlas.duckdb.execute(f"UPDATE {table} SET {column} = ?", [HOSTILE])
        atlas.duckdb.execute("UPDATE corpus SET name = ? || corpus", [HOSTILE])
        atlas.duckdb.execute("UPDATE document SET term = ? || document WHERE term IS NOT NULL", [HOSTILE])
        atlas.duckdb.execute("UPDATE feature SET top_logits = ?", [json.dumps([[HOSTILE, 1.0]])])
    with serving(publish(path, path.parent / "site").folder) as served:
        yield served


def test_hostile_text_is_shown_not_run(hostile: Served) -> None:
    response = hostile.get(DISEASES)
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "<script" not in response.text
    assert "<img" not in response.text
    assert "onerror=alert(1)>" not in response.text
    assert "\x00" not in response.text
    assert "{{ 7 * 7 }}" in response.text
    assert "&lt;script&gt;alert" in response.text


def test_hostile_text_is_whole_in_the_json(hostile: Served) -> None:
    response = hostile.get(f"{DISEASES}.json")
    assert response.headers["content-type"].startswith("application/json")
    found = response.json()
    assert found["contrasts"]["contrasts"][0]["name"] == HOSTILE.replace("\x00", "␀")
    assert HOSTILE.replace("\x00", "␀").startswith(found["sentences"]["strongest"][0]["text"])


def test_a_snapshot_without_activations_marks_the_strongest_token(folder: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(folder, old)
    (old / "activations.duckdb").unlink()
    with serving(old) as served:
        found = served.get(f"{DISEASES}.json").json()
        page = served.get(DISEASES).text
    assert not found["sentences"]["every_token"]
    assert found["terms"] is None
    assert "terms-heading" not in page
    for sentence in found["sentences"]["strongest"]:
        (token,) = sentence["tokens"]
        assert sentence["text"][token["char_start"] : token["char_end"]] == sentence["token"].strip()
        assert "⟦" not in sentence["text"]
    assert 'class="w10 peak"' in page


def test_labels_are_shown_with_their_source(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "labelled"
    shutil.copytree(folder, copy)
    with closing(sqlite3.connect(copy / "atlas.db")) as database, database:
        database.execute("UPDATE feature_label SET label = 'names of <diseases>' WHERE feature_label = 4")
    with serving(copy) as served:
        page = text_of(served.get(DISEASES).text)
        found = served.get(f"{DISEASES}.json").json()["labels"]
        assert served.get(f"/feature/{SAE}/3.json").json()["labels"] == []
    assert [(label["label"], label["score"]) for label in found] == [
        ("asthma, cancer, measles", 0.9375),
        ("names of <diseases>", 0.5),
    ]
    assert (
        "names of <diseases> label, a claim: oai_token-act-pair, by openai, worded by gpt-3.5-turbo, from batch-0"
        in page
    )
    assert "with an AUROC of 0.9375 (0.8125 to 1); the best of 20 wrong labels 0.5625." in page
    assert "firing in 3 groups of documents and silent in 0; 5 of each are needed" in page


def test_what_a_language_model_tells_by_a_label_is_not_said_of_its_words(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "judged"
    shutil.copytree(folder, copy)
    with closing(sqlite3.connect(copy / "atlas.db")) as database, database:
        database.executescript(
            """
            CREATE TEMP TABLE judged AS SELECT * FROM label_score WHERE feature_label = 0 AND negatives = 'random';
            UPDATE judged SET judge = 'a reader', auroc = 0.25;
            INSERT INTO label_score SELECT * FROM judged;
            UPDATE label_score SET judge = 'reader', auroc = 1 WHERE feature_label = 4 AND negatives = 'random';
            """
        )
    with serving(copy) as served:
        page = text_of(served.get(DISEASES).text)
        found = served.get(f"{DISEASES}.json").json()["labels"]
    assert [(label["label"], label["score"], label["blind"]["judge"]) for label in found] == [
        ("asthma, cancer, measles", 0.9375, "words"),
        ("names of diseases", None, "reader"),
    ]
    assert "its words tell where the feature fires with an AUROC of 0.9375" in page
    assert "reader, a language model, tells by it where the feature fires with an AUROC of 1 (" in page
    assert page.count("its words tell where") == 1


def test_a_snapshot_older_than_a_table_is_shown_without_its_section(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "older"
    shutil.copytree(folder, copy)
    with closing(sqlite3.connect(copy / "atlas.db")) as database, database:
        database.execute("DROP TABLE feature_neighbour")
    with serving(copy) as served:
        assert served.get(f"{DISEASES}.json").json()["neighbours"] is None
        assert "neighbours" not in headings(served.get(DISEASES).text)


def test_a_folder_with_a_template_is_a_section_of_the_page() -> None:
    with resources.as_file(resources.files("atlas.site.pages.feature")) as page:
        folders = {template.parent.name for template in page.glob("*/section.html")}
    assert folders == {section.name for section in SECTIONS}


def test_the_stylesheet_may_be_kept_for_ever(pages: Served) -> None:
    (address,) = re.findall(r'href="(/-/atlas/pages\.[0-9a-f]+\.css)"', pages.get(DISEASES).text)
    assert "immutable" in pages.get(address).headers["cache-control"]
    older = pages.get(f"/-/atlas/pages.{'0' * 16}.css")
    assert older.headers["cache-control"] == "no-store"
    assert address in pages.get("/atlas/feature").text


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_on_every_shade(theme: int) -> None:
    css = (resources.files("atlas.site.pages") / "pages.css").read_text(encoding="utf-8")
    variables = dict(
        re.findall(r"--([\w-]+): (#[0-9a-f]{6});", re.findall(r":root \{(.*?)\n *\}", css, re.DOTALL)[theme])
    )
    shades = [f"{scale}-{level}" for scale, level in product(("warm", "cool"), range(1, LEVELS + 1))]
    pairs = [("ink", shade) for shade in shades] + list(
        product(("ink", "quiet", "accent", "visited"), ("paper", "page"))
    )
    for ink, ground in [*pairs, ("good", "paper"), ("bad", "paper")]:
        low, high = sorted((luminance(variables[ink]), luminance(variables[ground])))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, ground)


@settings(max_examples=50, deadline=None)
@given(st.text(min_size=1, max_size=40), st.data())
def test_a_shaded_text_is_the_text(text: str, data: st.DataObject) -> None:
    ends = sorted(data.draw(st.lists(st.integers(1, len(text)), min_size=1, max_size=8)))
    starts = [0, *(max(0, end - data.draw(st.integers(0, 1))) for end in ends[:-1])]
    tokens = [
        {"position": n, "char_start": start, "char_end": end, "activation": data.draw(st.sampled_from([0.0, 1.0, 7.5]))}
        for n, (start, end) in enumerate(zip(starts, ends, strict=True), start=1)
    ]
    pieces = shaded_by_activation(text, tokens, 7.5)
    assert "".join(piece.text for piece in pieces).replace("⏎\n", "\n") == text.replace("⏎\n", "\n")
    assert unescape(re.sub(r"</?mark[^>]*>", "", str(shaded_markup(pieces)))) == "".join(piece.text for piece in pieces)


def test_a_character_split_over_tokens_is_one_piece() -> None:
    text = "go 👩‍🚀!"
    spans = [(0, 2), (2, 4), (3, 4), (3, 4), (4, 5), (5, 6), (5, 6), (6, 7)]
    tokens = [
        {"position": n, "char_start": start, "char_end": end, "activation": float(n == 3) * 2.0}
        for n, (start, end) in enumerate(spans, start=1)
    ]
    pieces = shaded_by_activation(text, tokens, 2.0, peak=3)
    assert [(piece.text, piece.level, piece.peak) for piece in pieces] == [
        ("go", 0, False),
        (" 👩", LEVELS, True),
        ("‍🚀!", 0, False),
    ]
    assert pieces[1].title == "token 2–4: 0, 2, 0"


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0.1, 100))
def test_shades_rise_with_the_number(smaller: float, larger: float, scale: float) -> None:
    smaller, larger = sorted((smaller, larger))
    assert shade_level(smaller, scale) <= shade_level(larger, scale) <= LEVELS
    assert (shade_level(larger, scale) == 0) == (larger == 0)
    assert shade_level(-larger, scale) == -shade_level(larger, scale)


def test_the_histogram_draws_all_corpora_then_those_with_a_shape() -> None:
    corpora = [
        {"name": name, "active_tokens": sum(tokens), "tokens_read": 50, "max_activation": 4.0, "bins": bins}
        for name, tokens in (("few", [1]), ("many", [4, 2]))
        for bins in [[{"bin": 8 + n, "tokens": count} for n, count in enumerate(tokens)]]
    ]
    together, many = drawn_histogram(corpora, 200)
    assert (together["active_tokens"], together["tokens_read"]) == (7, 200)
    assert [bin_["tokens"] for bin_ in together["bins"]] == [5, 2]
    assert many["name"] == "many"
    axis = histogram_axis([together, many])
    assert (axis.first_octave, axis.octaves, axis.ticks) == (1, 1, [2.0])
    assert histogram_outline(many, axis) == f"M0 {HEIGHT}v-100.0h9v100.0zM10 {HEIGHT}v-50.0h9v50.0z"
    assert drawn_histogram(corpora[:1], 50) == corpora[:1]


@pytest.fixture
def contrast(diseases: Any) -> Any:
    return diseases["contrasts"]["contrasts"][0]


@pytest.mark.parametrize(
    ("changes", "side", "words"),
    [
        ({"q": 0.01, "auroc": 0.9}, "for", "stronger on notes/medical: AUROC 0.9, q 0.01"),
        ({"q": 0.01, "auroc": 0.1}, "against", "stronger on notes/control"),
        ({"q": 0.2}, "against", "cannot be told from chance"),
        ({"q": None}, "against", "too few documents to be tested"),
        ({"auroc_confirmation": 0.8, "auroc_low": 0.6, "auroc_high": 0.9}, "for", "95 % interval 0.6 to 0.9"),
        ({"auroc_confirmation": 0.5, "auroc_low": 0.4, "auroc_high": 0.6}, "against", "cannot be told from chance: A"),
        (
            {"auroc_confirmation": 0.2, "auroc_low": 0.1, "auroc_high": 0.3},
            "against",
            "held-out documents it is strong",
        ),
        ({"auroc_low": None}, "against", "It has no interval"),
        ({"higher": 9, "lower": 1, "share_higher": 0.9, "pair_q": 0.01}, "for", "9 are higher on the positive side"),
        ({"higher": 5, "lower": 5, "share_higher": 0.5, "pair_q": 0.9}, "against", "5 lower (q 0.9)"),
        ({"higher": 1, "lower": 0, "share_higher": 1, "pair_q": None}, "against", "too few differ to be tested"),
        ({"precision": 0.9, "recall": 0.6}, "for", "90 % of the held-out documents it calls are positive"),
        ({"precision": 0.9, "recall": 0.1}, "against", "it calls 10 % of the positive ones"),
        ({"terms": 6, "terms_in_all": 6, "term_coverage": 1.0}, "for", "for 6 of 6 terms"),
        ({"terms": 1, "terms_in_all": 6, "term_coverage": 0.17}, "against", "for 1 of 6 terms"),
        ({"top_token_share": 0.9, "top_token": " ring"}, "against", "on one token, “ring”"),
        ({"top_token_share": 0.1, "top_token": " ring"}, "for", "No one token has most"),
        ({"stale": 1, "q": None}, "against", "to be computed again"),
    ],
)
def test_evidence_is_weighed(changes: dict[str, Any], side: str, words: str, contrast: Any) -> None:
    evidence = evidence_on_feature_page(contrast | changes, [])
    assert [sentence for sentence in evidence[side] if words in sentence]


def test_nothing_is_said_of_what_is_not_known(contrast: Any) -> None:
    unknown = dict.fromkeys(("higher", "precision", "recall", "term_coverage", "top_token_share"))
    evidence = evidence_on_feature_page(contrast | unknown | {"q": None, "auroc_low": None}, [])
    assert evidence["for"] == []
    assert len(evidence["against"]) == 2


def test_mistaken_domains_are_named(contrast: Any) -> None:
    domains = [
        {"domain": "sport", "called": 1, "documents_confirmation": 5},
        {"domain": "music", "called": 3, "documents_confirmation": 4},
        {"domain": "law", "called": 0, "documents_confirmation": 9},
    ]
    evidence = evidence_on_feature_page(contrast | {"precision": 0.9, "recall": 0.9}, domains)
    assert "It also calls 4 of 18 held-out control documents: music 3, sport 1." in evidence["against"]


LATER = "/feature/tiny/blocks.2.hook_resid_pre/4"


def test_where_a_feature_comes_from_is_a_map_with_words(pages: Served, folder: Path) -> None:
    record = pages.get(f"{LATER}.json").json()["patching"]
    with closing(sqlite3.connect(folder / "atlas.db")) as connection:
        effects = connection.execute(
            "SELECT layer, position, denoised_effect FROM patch_effect WHERE patch_pair = ? AND kind = 'resid_pre' "
            "AND position IS NOT NULL",
            [record["pair"]["patch_pair"]],
        ).fetchall()
    shown = {
        (row["layer"], column["position"]): effect
        for row in record["pair"]["layers"]
        for column, effect in zip(record["pair"]["columns"], row["effects"], strict=True)
    }
    assert shown == {(layer, position): effect for layer, position, effect in effects}
    assert [row["layer"] for row in record["pair"]["layers"]] == [2, 1, 0]
    assert (record["pairs"], record["heads"][0]["layer"], record["heads"][0]["head"]) == (2, 0, 1)
    assert [row["feature"] for row in record["upstream"]] == [1, 2, 10]
    assert record["upstream"][0]["address"] == DISEASES
    page = pages.get(LATER).text
    assert "head 1 of block 0 brings most: alone it brings 50 % of the difference, and takes 50 %" in text_of(page)
    assert page.count('<td class="w5">50</td>') == 3
    assert "one that brings 0 % is not enough by itself, which does not say that it carries nothing" in text_of(page)
    assert pages.get(f"{DISEASES}.json").json()["patching"]["downstream"][0]["address"] == LATER


def test_what_writes_onto_a_feature_adds_up(pages: Served) -> None:
    record = pages.get(f"{LATER}.json").json()["written"]
    assert [(part["kind"], part["layer"], part["head"], part["mean_value"]) for part in record["parts"][:2]] == [
        ("head", 1, 1, 3.0625),
        ("encoder_bias", None, None, -3.0),
    ]
    assert record["sources"][0]["token"] is None
    assert [look["value"] for look in record["looks"][:2]] == [-0.75, 0.5]
    page = text_of(pages.get(LATER).text)
    assert "Over 1 prompt, head 1.1 writes most, +3.06 on average" in page
    assert pages.get(f"{SILENT}.json").json()["written"] is None
    assert pages.get(f"{SILENT}.json").json()["patching"] is None


def test_what_it_does_when_pushed_stands_beside_random_features(pages: Served) -> None:
    record = pages.get(f"{DISEASES}.json").json()["steering"]
    doses = {(row["kind"], row["dose"]): row for row in record["doses"]}
    assert set(doses) == {("add", 0.0), ("add", 0.5), ("add", 1.0), ("clamp", 1.0)}
    assert (doses["add", 1.0]["kl"], doses["add", 1.0]["kl_random"], doses["add", 1.0]["rank"]) == (0.5, 0.0625, 1.0)
    assert [row["dose"] for row in record["prompts"]] == [1.0, 1.0, 1.0]
    assert record["prompts"][0]["raised"][0] == [" cough", 0.25, 0.5]
    assert (record["removed"][0]["positive"], record["removed"][0]["difference"]) == ("notes/medical", 0.2)
    text = pages.get(DISEASES).text
    assert "cough and fever." in text
    assert "What it does when it is pushed" in text
    assert pages.get(f"{SILENT}.json").json()["steering"] is None
