"""What the atlas holds of words: the features that fire on them, the sentences they are in."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from atlas.publish.examples import CLOSE_MARK, OPEN_MARK
from atlas.site.pages.addresses import feature_address, row_address
from atlas.site.pages.cache import Cache, cached
from atlas.site.pages.find.typed import marked_pieces, match_expression
from atlas.site.pages.rows import Row, rows, rows_if_published

if TYPE_CHECKING:
    from datasette.app import Datasette

SENTENCES = 15
LABELS = 20
EXAMPLES = 4000
FEATURES: Cache[list[Row]] = Cache(512)
OPENED, CLOSED = "\x02", "\x03"


async def found_on_page_by_word(datasette: "Datasette", word: str, most: int) -> list[Row]:
    """The features that fire on a word rather than on others, best first.

    Where the word is a token, by how many of its occurrences they fire on, times the share of
    their activations that are on it; else by the sentences whose strongest token lies in the word.
    """
    return await cached(FEATURES, datasette, (word, most), lambda: _read_features(datasette, word, most))


async def found_on_page_by_spelling(datasette: "Datasette", text: str, most: int) -> list[Row]:
    """The features that fire on a token that is no word, such as a comma; best first."""
    tokens = await rows(datasette, "find/spelled", text=text)
    return _addressed(datasette, await _features_of(datasette, tokens, most))


async def _read_features(datasette: "Datasette", word: str, most: int) -> list[Row]:
    found = await _features_on_token(datasette, word, most) or await _features_within(datasette, word, most)
    return _addressed(datasette, found)


def _addressed(datasette: "Datasette", found: list[Row]) -> list[Row]:
    return [feature | {"address": feature_address(datasette, feature["sae"], feature["feature"])} for feature in found]


async def sentences_found(datasette: "Datasette", words: tuple[str, ...], joined_by: str) -> list[dict[str, Any]]:
    """Documents with all (AND) or some (OR) of the words, best first, each with the part that has them."""
    found = await rows(datasette, "find/sentences", match=match_expression(words, joined_by), limit=SENTENCES)
    return [
        {
            "document": document["document"],
            "name": document["external_id"],
            "corpus": document["corpus"],
            "address": row_address(datasette, "document", document["document"]),
            "parts": marked_pieces(document["excerpt"], OPENED, CLOSED),
        }
        for document in found
    ]


async def found_on_page_by_label(datasette: "Datasette", words: tuple[str, ...]) -> list[Row]:
    """Features with a label that holds all of the words, or words that begin with them; the best borne out first."""
    match = " AND ".join(f"{match_expression([word], 'AND')}*" for word in words)
    found = await rows_if_published(datasette, "feature_label", "find/labels", match=match, limit=LABELS)
    return [label | {"address": feature_address(datasette, label["sae"], label["feature"])} for label in found]


async def found_on_page_by_meaning(datasette: "Datasette", near: Sequence[tuple[str, float]]) -> list[Row]:
    """The features of labels that are near in meaning, the nearest first; of one label the best borne out first."""
    found = await rows_if_published(datasette, "feature_label", "find/meant", near=json.dumps(near), limit=LABELS)
    return _addressed(datasette, found)


async def _features_on_token(datasette: "Datasette", word: str, most: int) -> list[Row]:
    similar = await rows(datasette, "find/tokens", match=match_expression([word], "AND"))
    tokens = [token for token in similar if token["text"].strip().lower() == word]
    return await _features_of(datasette, tokens, most)


async def _features_of(datasette: "Datasette", tokens: list[Row], most: int) -> list[Row]:
    found: list[Row] = []
    for tokenization in sorted({token["tokenization"] for token in tokens}):
        ids = [token["token_id"] for token in tokens if token["tokenization"] == tokenization]
        features = await rows(
            datasette, "find/features_by_token", tokens=str(ids), tokenization=tokenization, limit=most
        )
        found += [{**feature, "how": "token"} for feature in features]
    return sorted(found, key=lambda feature: -feature["on_it"] * feature["share"])[:most]


async def _features_within(datasette: "Datasette", word: str, most: int) -> list[Row]:
    """A word of several tokens is no entry of the vocabulary; the examples still say where a feature is strongest."""
    counted: Counter[tuple[str, int]] = Counter()
    for example in await rows(datasette, "find/examples", match=match_expression([word], "AND"), limit=EXAMPLES):
        if found_token_is_in_word(example["sentence"], word):
            counted[example["sae"], example["feature"]] += 1
    best = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:most]
    return [{"sae": sae, "feature": feature, "on_it": on_it, "how": "example"} for (sae, feature), on_it in best]


def found_token_is_in_word(sentence: str, word: str) -> bool:
    """Whether the marked token of an example lies in the word, wherever the word is cut."""
    start = sentence.find(OPEN_MARK)
    end = sentence.find(CLOSE_MARK) - len(OPEN_MARK)
    plain = sentence.replace(OPEN_MARK, "").replace(CLOSE_MARK, "")
    occurrences = re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", plain, re.IGNORECASE)
    return start >= 0 and any(found.start() < end and start < found.end() for found in occurrences)
