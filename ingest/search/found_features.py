"""Features of SAEs of the atlas found with their model at hand, each with its best label and its density."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.encode.batch import BatchEncoder
from ingest.encode.typed_text import UNHASHED, encode_typed
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from ingest.search.examples import example_maxima, features_told_apart, rank_features_of_saes
from ingest.search.sentence import features_of_sentence
from schema.errors import SelectionError
from schema.store import Atlas

Loaded = tuple[LanguageModel, Sequence[SAE]]

BEST_LABEL = """
    SELECT
      found.*,
      (
        SELECT label
        FROM feature_label AS l
        LEFT JOIN label_score AS s
          ON s.feature_label = l.feature_label
          AND s.negatives = 'random'
          AND s.judge = 'words'
        WHERE l.sae = $sae
          AND l.feature = found.feature
        ORDER BY s.auroc DESC NULLS LAST, l.feature_label
        LIMIT 1
      ) AS label
    FROM found
    ORDER BY place
"""

DENSITIES = """
    SELECT
      rows.*,
      COALESCE(active_tokens, 0) / NULLIF((SELECT SUM(tokens) FROM sae_corpus WHERE sae = $sae), 0) AS density
    FROM rows
    LEFT JOIN (
      SELECT feature, SUM(active_tokens) AS active_tokens
      FROM feature_corpus
      WHERE sae = $sae
      GROUP BY feature
    ) AS fired USING (feature)
    WHERE COALESCE(density, 0) <= $density
    ORDER BY place
"""


def find_features_by_sentence(atlas: Atlas, loaded: Loaded, text: str, max_density: float) -> pa.Table:
    """The features that fire on a sentence, what is particular to it first, SAE by SAE.

    Raises:
        SelectionError: the sentence is empty, or the atlas does not hold an SAE.
    """
    model, saes = loaded
    if not text.strip():
        raise SelectionError("the sentence is empty; give some words")
    found = []
    for sae in saes:
        key = searched_sae_key(atlas, sae)
        typed = encode_typed(BatchEncoder.of(model, [sae]), text)
        found.append(_named(sae, _labelled(atlas, key, features_of_sentence(atlas, key, text, typed, max_density))))
    return pa.concat_tables(found)


def find_features_by_examples(
    atlas: Atlas, loaded: Loaded, boxes: tuple[Sequence[str], Sequence[str]], max_density: float
) -> pa.Table:
    """The features that tell positive sentences from negative ones, of all SAEs together, the best first.

    Raises:
        SelectionError: a box is empty, or the atlas does not hold an SAE.
    """
    model, saes = loaded
    keys = [searched_sae_key(atlas, sae) for sae in saes]
    rows = rank_features_of_saes(search_told_apart(BatchEncoder.of(model, list(saes)), boxes))
    rows = rows.append_column("place", pa.array(np.arange(len(rows))))
    found = []
    for number, (key, sae) in enumerate(zip(keys, saes, strict=True)):
        own = rows.filter(pc.equal(rows["sae"], number)).drop_columns("sae")
        with atlas.registered(rows=own):
            own = atlas.arrow(DENSITIES, {"sae": key, "density": max_density})
        found.append(_named(sae, _labelled(atlas, key, own, "place")))
    return pa.concat_tables(found).sort_by("place").drop_columns("place")


def search_told_apart(encoder: BatchEncoder, boxes: tuple[Sequence[str], Sequence[str]]) -> list[pa.Table]:
    """For each SAE of an encoder, the features that fire in sentences of two boxes, as `told_apart` has them.

    Raises:
        SelectionError: a box is empty.
    """
    if not all(boxes):
        raise SelectionError("a box holds no sentence; give one a line")
    sentences = [sentence for box in boxes for sentence in box]
    wanted = [[True] * len(sentences) for _ in encoder.hook_names]
    encoded = encoder.encode(sentences, [UNHASHED] * len(sentences), wanted)
    owner = np.repeat(np.arange(len(sentences)), [len(windows) for windows in encoded.windows])
    positive = np.arange(len(sentences)) < len(boxes[0])
    return [features_told_apart(example_maxima(activations, owner), positive) for activations in encoded.activations]


def searched_sae_key(atlas: Atlas, sae: SAE) -> int:
    """The key of the SAE of these weights, the newest.

    Raises:
        SelectionError: the atlas does not hold it.
    """
    sql = "SELECT sae FROM sae WHERE release = ? AND sae_id = ? AND weights_sha256 = ? ORDER BY sae DESC"
    rows = atlas.rows(sql, [sae.name.release, sae.name.sae_id, sae.weights_sha256])
    if not rows:
        raise SelectionError(
            f"{atlas.path} does not hold {sae.name} with these weights; ingest with it first: "
            f"atlas ingest {atlas.path} SOURCE --sae {sae.name}"
        )
    return int(rows[0][0])


def _labelled(atlas: Atlas, sae: int, rows: pa.Table, place: str | None = None) -> pa.Table:
    """Rows with the best label of each feature, in the order of their column `place`, or as they are."""
    placed = rows if place else rows.append_column("place", pa.array(np.arange(len(rows))))
    with atlas.registered(found=placed):
        found = atlas.arrow(BEST_LABEL, {"sae": sae})
    return found if place else found.drop_columns("place")


def _named(sae: SAE, rows: pa.Table) -> pa.Table:
    return rows.add_column(0, "sae", pa.array([str(sae.name)] * len(rows), pa.string()))
