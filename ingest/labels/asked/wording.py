"""Labels that a language model words, from the contexts that a feature fires in most strongly."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ingest.labels import RADIUS
from ingest.labels.asked.endpoint import Endpoint
from ingest.labels.imported.description import words_of_imported_label
from ingest.labels.snippets import Places
from ingest.labels.sql import label_sql
from schema.errors import SelectionError
from schema.store import Atlas

EXAMPLES = 20
LONGEST_LABEL = 200

PROMPT = """\
A feature of a sparse autoencoder fires on the words between « and » in the texts below, most strongly in the first.
{texts}

{logits}Say in at most ten words what these have in common. Answer with these words alone."""


@dataclass(frozen=True)
class Worded:
    """A label that a language model worded, what it was asked and what it answered."""

    feature: int
    label: str
    words: tuple[str, ...]
    contexts: int
    prompt: str
    answer: str


def word_labels(atlas: Atlas, sae: int, features: Sequence[int], endpoint: Endpoint) -> Iterator[Worded]:
    """A label for each of the features; call it after `gather_firing_places`.

    Raises:
        SelectionError: a feature fires in no document that labels are made from.
        ModelError: the language model does not answer.
    """
    for feature in features:
        texts = _strongest(atlas, feature)
        if not texts:
            raise SelectionError(f"feature {feature} fires in no document that labels are made from; leave it out")
        listed = "\n".join(f"{number}. {' '.join(text.split())}" for number, text in enumerate(texts, start=1))
        prompt = PROMPT.format(texts=listed, logits=_logits(atlas, sae, feature))
        answer = endpoint.answer(prompt)
        label = " ".join(answer.split()).strip("\"'“”.")[:LONGEST_LABEL] or answer
        yield Worded(feature, label, words_of_imported_label(label), len(texts), prompt, answer)


def texts_marked_for_asking(atlas: Atlas, places: Places) -> list[str]:
    """The text around each place, its own token in marks."""
    columns = {"place": np.arange(len(places.context)), "context": places.context, "middle": places.position}
    with atlas.registered(wanted=pa.table(columns)):
        return [str(text) for _, text in atlas.rows(label_sql("texts"), {"reach": RADIUS})]


def _strongest(atlas: Atlas, feature: int) -> list[str]:
    rows = atlas.arrow(
        """
        SELECT context, position, member
        FROM label_place
        WHERE making
          AND feature = $feature
        ORDER BY strongest
        LIMIT $examples
        """,
        {"feature": feature, "examples": EXAMPLES},
    )
    return texts_marked_for_asking(
        atlas, Places(*(rows[name].to_numpy() for name in ("context", "position", "member")))
    )


def _logits(atlas: Atlas, sae: int, feature: int) -> str:
    rows = atlas.rows("SELECT top_logits FROM feature WHERE sae = ? AND feature = ?", [sae, feature])
    tokens = [repr(text) for text, _ in json.loads(rows[0][0])] if rows else []
    return f"It makes these tokens likelier to follow: {', '.join(tokens)}.\n\n" if tokens else ""
