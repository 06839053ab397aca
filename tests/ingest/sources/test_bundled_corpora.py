"""The bundled corpora keep what contrasts lean on: exact terms, matched pairs, varied controls, no stray medicine."""

import json
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

Document = dict[str, Any]

TEXT_FIELDS = {"external_id", "text", "domain", "source", "licence"}
TERM_FIELDS = {"term", "term_start", "term_end"}
GPT2_VOCABULARY = Path(__file__).resolve().parents[4] / "shared" / "gpt2-tokenizer"

MEDICAL_WORDS = re.compile(
    r"""\b(
        ailing | ailments? | healthy? | healthcare | heal(s|ed|ing)? | ill | illness(es)? | sick(ness|ly)? | unwell
      | diseases? | disorders? | syndromes? | symptoms? | chronic | acute | terminal | benign | malignant
      | patients? | doctors? | nurses? | surg(eons?|ery|eries|ical(ly)?) | physicians? | paramedics?
      | hospitals? | clinic(s|al|ally)? | medic\w* | pharma\w* | diagnos\w* | prognos[ie]s | therap\w* | biops\w+
      | treatments? | cures? | cured | doses? | drugs? | pills? | vaccin\w* | antibiotics? | remed(y|ies)
      | infect\w* | contagio\w* | vir(us|uses|al|ulent) | bacteria\w* | epidemics? | pandemics? | outbreaks?
      | fevers? | feverish | pains? | painful(ly)? | aches? | aching | bleed(s|ing)? | blood\w* | hemorrhag\w*
      | injur\w* | wound(s|ed)? | bruis\w+ | scars? | scarred | fractur\w* | trauma\w* | crippl\w+ | paraly\w+
      | cancer\w* | tumou?rs? | tremors? | seizures? | fatigue | burns? | faint(ed|ing|s)? | sunburn\w* | jet\ lag
      | toxic\w* | poison\w* | allerg\w+ | asthma\w* | diabet\w+ | anxi(ety|ous) | depress\w+ | insomni\w+ | dementia
      | organs? | heart\w* | lungs? | kidneys? | livers? | brains? | bones? | skin | \w+itis | \w+osis | \w+oma
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)


def read(name: str) -> list[Document]:
    lines = (files("ingest") / "corpora" / f"{name}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


MEDICAL, CONTROL = read("medical"), read("control")


def texts(documents: list[Document]) -> list[str]:
    return [row["text"] for row in documents]


def by_template(documents: list[Document]) -> dict[str, Document]:
    return {row["template"]: row for row in documents if row.get("template")}


def pairs() -> list[tuple[str, str]]:
    """The texts (medical, control) that share a template."""
    controls = by_template(CONTROL)
    return [(row["text"], controls[template]["text"]) for template, row in by_template(MEDICAL).items()]


def free_controls() -> list[str]:
    return [row["text"] for row in CONTROL if not row.get("template")]


@pytest.fixture(scope="module")
def pocket_tokenizer() -> Tokenizer:
    path = files("ingest") / "pocket" / "gpt2" / "tokenizer.json"
    return Tokenizer.from_str(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def gpt2_tokenizer() -> Tokenizer:
    if not GPT2_VOCABULARY.is_dir():
        pytest.skip(f"GPT-2's vocabulary is not at {GPT2_VOCABULARY}")
    encoder, merges = GPT2_VOCABULARY / "encoder.json", GPT2_VOCABULARY / "vocab.bpe"
    tokenizer = Tokenizer(BPE.from_file(str(encoder), str(merges)))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    return tokenizer


def equal_pairs(tokenizer: Tokenizer) -> set[tuple[str, str]]:
    """The pairs whose two texts have the same number of tokens."""

    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    return {(medical, control) for medical, control in pairs() if count(medical) == count(control)}


def test_every_line_is_a_complete_document() -> None:
    for name, documents in (("medical", MEDICAL), ("control", CONTROL)):
        assert len(documents) >= 120
        assert [row["external_id"] for row in documents] == [f"{name}-{i + 1:03d}" for i in range(len(documents))]
        for row in documents:
            assert TEXT_FIELDS <= row.keys() <= TEXT_FIELDS | TERM_FIELDS | {"template"}, row["external_id"]
            assert (row["source"], row["licence"]) == ("feature-atlas", "Apache-2.0"), row["external_id"]


def test_a_text_is_one_tidy_sentence() -> None:
    for text in texts(MEDICAL + CONTROL):
        assert text.isprintable(), text
        assert text == " ".join(text.split()), text
        assert re.search(r'[.?!]"?$', text), text
        assert 5 <= len(text.split()) <= 25, text


def test_a_term_is_exactly_its_span_and_whole_words() -> None:
    for row in MEDICAL:
        text, start, end = row["text"], row["term_start"], row["term_end"]
        assert row["domain"] == "medical", text
        assert row["term"], text
        assert row["term"] == text[start:end], text
        assert not text[:start][-1:].isalnum(), text
        assert not text[end:][:1].isalnum(), text


def test_medical_terms_are_many_and_not_always_in_the_same_place() -> None:
    assert len({row["term"].casefold() for row in MEDICAL}) >= 100
    first = sum(row["term_start"] == 0 for row in MEDICAL)
    last = sum(row["term_end"] == len(row["text"]) - 1 for row in MEDICAL)
    assert min(first, last) >= 10
    assert len(MEDICAL) - first - last >= 40


def test_no_text_occurs_twice() -> None:
    counts = Counter(text.casefold() for text in texts(MEDICAL + CONTROL))
    assert [text for text, count in counts.items() if count > 1] == []


def test_openings_vary() -> None:
    for documents in (MEDICAL, CONTROL):
        openings = Counter(text.split()[0] for text in texts(documents))
        assert len(openings) >= 70
        assert max(openings.values()) <= 0.15 * len(documents)


def test_half_of_the_controls_share_a_template_with_one_medical_sentence() -> None:
    for documents in (MEDICAL, CONTROL):
        templates = Counter(row["template"] for row in documents if row.get("template"))
        assert set(templates.values()) == {1}
    assert by_template(MEDICAL).keys() == by_template(CONTROL).keys()
    assert len(pairs()) >= 60
    assert len(free_controls()) >= 60


def test_a_pair_shares_a_frame_of_words() -> None:
    for medical, control in pairs():
        assert len(set(medical.lower().split()) & set(control.lower().split())) >= 3, (medical, control)


def test_pairs_have_equal_token_counts_under_pocket(pocket_tokenizer: Tokenizer) -> None:
    assert len(equal_pairs(pocket_tokenizer)) >= 30


def test_pairs_have_equal_token_counts_under_both(pocket_tokenizer: Tokenizer, gpt2_tokenizer: Tokenizer) -> None:
    assert len(equal_pairs(pocket_tokenizer) & equal_pairs(gpt2_tokenizer)) >= 30


def test_controls_cover_many_topics() -> None:
    topics = Counter(row["domain"] for row in CONTROL)
    assert len(topics) >= 12
    assert max(topics.values()) <= 0.15 * len(CONTROL)


@pytest.mark.parametrize(
    ("kind", "pattern", "least"),
    [
        ("brackets", r"[()\[\]]", 0.3),
        ("digits", r"\d", 0.5),
        ("years", r"\b(1\d|20)\d\d\b", 0.15),
        ("lists", r"\w+, \w+,? and \w+|(\w+, ){2}", 0.1),
        ("acronyms", r"\b[A-Z]{2,}", 0.2),
        ("quotes", r'"', 0.1),
        ("dashes", r" - |\u2013|\w-\w", 0.15),
    ],
)
def test_free_controls_hold_what_makes_punctuation_features_drop_out(kind: str, pattern: str, least: float) -> None:
    found = [text for text in free_controls() if re.search(pattern, text)]
    assert len(found) >= least * len(free_controls()), kind


def test_a_control_names_nothing_medical() -> None:
    terms = [row["term"].casefold() for row in MEDICAL]
    for row in CONTROL:
        text = row["text"]
        assert not MEDICAL_WORDS.search(text), text
        assert not any(term in text.casefold() for term in terms), text
        assert not row.keys() & TERM_FIELDS, text
