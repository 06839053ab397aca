"""Sentences on which a feature fires, with its activation on every token."""

import re
from collections import defaultdict
from collections.abc import Sequence

from atlas.publish.examples import CLOSE_MARK, OPEN_MARK
from atlas.publish.rows import NUL_SHOWN
from atlas.site.pages.feature.section import Feature, Record
from atlas.site.pages.rows import Row

HEADING = "Sentences"
FIRST, OTHERS, CORPORA = 6, 2, 4
"""Strongest sentences of the corpus where it is strongest, of each other one, and of how many corpora; by strength."""
MARKED = re.compile(f"{OPEN_MARK}([^{OPEN_MARK}{CLOSE_MARK}]*){CLOSE_MARK}")
TOKEN = ("position", "text", "char_start", "char_end", "activation")
EXAMPLE = ("corpus", "corpus_name", "document", "external_id", "ordinal", "context", "position", "token", "activation")


async def read(about: Feature) -> Record | None:
    """The strongest sentences of several corpora, and one an octave; None where it never fires."""
    examples = await about.rows("sentences/examples", first=FIRST, others=OTHERS, corpora=CORPORA)
    if not examples:
        return None
    windows = await _windows(about, examples)
    shown = [_sentence(about, example, windows.get(example["context"])) for example in examples]
    strongest = [sentence for sentence in shown if sentence["sampling"] == "top"]
    return {
        "every_token": bool(windows),
        "first": FIRST,
        "each_other": OTHERS,
        "others": len({sentence["corpus"] for sentence in strongest}) - 1,
        "strongest": strongest,
        "octaves": [sentence for sentence in shown if sentence["sampling"] == "octave"],
        "rows": about.rows_behind("example", sampling="top", _sort_desc="activation"),
        "octave_rows": about.rows_behind("example", sampling="octave", _sort_desc="activation"),
    }


async def _windows(about: Feature, examples: Sequence[Row]) -> dict[int, list[Row]]:
    """The tokens of each window; empty where the snapshot has no database of activations."""
    contexts = ",".join(str(context) for context in sorted({example["context"] for example in examples}))
    found: dict[int, list[Row]] = defaultdict(list)
    for token in await about.activation_rows("sentences/windows", contexts=contexts):
        found[token["context"]].append(token)
    return dict(found)


def _sentence(about: Feature, example: Row, window: list[Row] | None) -> Row:
    text, tokens = _spoken(window) if window else _marked(example)
    return {
        "sampling": example["sampling"],
        "octave": example["octave"],
        **{name: example[name] for name in EXAMPLE},
        "document_address": about.document(example["document"]),
        "text": text,
        "tokens": tokens,
    }


def _spoken(window: Sequence[Row]) -> tuple[str, list[Row]]:
    text = next(token["sentence"] for token in window if token["sentence"] is not None)
    tokens = [{name: token[name] for name in TOKEN} for token in window]
    return text.replace("\0", NUL_SHOWN), tokens


def _marked(example: Row) -> tuple[str, list[Row]]:
    """The sentence with its strongest token alone, as the published table has it."""
    sentence, token = example["sentence"], example["token"].lstrip()
    start = sentence.find(f"{OPEN_MARK}{token}{CLOSE_MARK}")
    if start < 0:
        found = MARKED.search(sentence)
        if found is None:
            return sentence, []
        start, token = found.start(), found[1]
    text = sentence[:start] + token + sentence[start + len(token) + 2 :]
    span = {"char_start": start, "char_end": start + len(token)}
    return text, [{"position": example["position"], "text": token, **span, "activation": example["activation"]}]
