"""What an SAE gives on the documents of a contrast, read a range of features at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Int

from ingest.statistics.groups import groups_of, groups_of_classes, later_half_of_groups
from ingest.statistics.stratified import length_classes
from schema.store import Atlas

Unit = Literal["document", "window"]

CHUNK_ROWS = 1_000_000
"""Rows of feature_document that are in memory at a time."""


@dataclass(frozen=True)
class Documents:
    """The documents of a contrast, as an SAE has encoded them.

    They stand in the order of their texts' hashes, whatever the order of ingest. Shapes: each (document,). key is
    the document's own; confirmation tells the halves; group, template and domain number what documents share: a
    document without a group is one by itself, template is -1 where there is none, domain is -1 for positive
    documents, else a place in `domains`; length counts the tokens of what is compared, the text or a window of it.
    """

    key: Int[np.ndarray, " document"]
    positive: Bool[np.ndarray, " document"]
    confirmation: Bool[np.ndarray, " document"]
    group: Int[np.ndarray, " document"]
    template: Int[np.ndarray, " document"]
    domain: Int[np.ndarray, " document"]
    tokens: Int[np.ndarray, " document"]
    bos_tokens: Int[np.ndarray, " document"]
    length: Int[np.ndarray, " document"]
    domains: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.key)

    @property
    def sizes(self) -> tuple[int, int]:
        """The numbers of positive and of control documents."""
        positives = int(self.positive.sum())
        return positives, len(self) - positives

    @property
    def groups(self) -> tuple[int, int]:
        """The numbers of groups with positive and with control documents."""
        return len(np.unique(self.group[self.positive])), len(np.unique(self.group[~self.positive]))

    @property
    def stratum(self) -> Int[np.ndarray, " document"]:
        """Each document's class of length, blind to its label: like is compared with like."""
        return length_classes(self.length)

    def half_sizes(self, *, confirmation: bool) -> tuple[int, int]:
        """The numbers of positive and of control documents of one half."""
        return self.half(confirmation=confirmation).sizes

    def half(self, *, confirmation: bool) -> "Documents":
        """The documents of one half."""
        inside = self.confirmation == confirmation
        arrays = {name: held[inside] for name, held in vars(self).items() if isinstance(held, np.ndarray)}
        return replace(self, **arrays)


@dataclass(frozen=True)
class Scores:
    """What a range of features gives on the documents; a feature that is silent on a document has no row.

    Shapes: feature, document, score, total, active (row,), where feature counts from the first of the range and
    document is a place among the documents, score the maximum over the unit, total the sum over the document, active
    the document's tokens it fires on; bos (n_features,).
    """

    documents: Documents
    features: range
    feature: Int[np.ndarray, " row"]
    document: Int[np.ndarray, " row"]
    score: Float[np.ndarray, " row"]
    total: Float[np.ndarray, " row"]
    active: Int[np.ndarray, " row"]
    bos: Float[np.ndarray, " n_features"]

    def __len__(self) -> int:
        return len(self.features)

    @property
    def positive(self) -> Bool[np.ndarray, " row"]:
        """Whether the row's document is positive."""
        positive: Bool[np.ndarray, " row"] = self.documents.positive[self.document]
        return positive

    @property
    def mean(self) -> Float[np.ndarray, " row"]:
        """Mean activation over the document's tokens, BOS left out."""
        mean: Float[np.ndarray, " row"] = self.total / self.documents.tokens[self.document]
        return mean

    def where(self, rows: Bool[np.ndarray, " row"]) -> "Scores":
        """Some of the rows."""
        return replace(
            self,
            feature=self.feature[rows],
            document=self.document[rows],
            score=self.score[rows],
            total=self.total[rows],
            active=self.active[rows],
        )

    @property
    def firing(self) -> "Scores":
        """The rows with a score: all of them but those silent in the chosen window."""
        return self.where(self.score > 0)

    def half(self, *, confirmation: bool) -> "Scores":
        """The rows of one half of the documents."""
        return self.where(self.documents.confirmation[self.document] == confirmation)

    def within_half(self, *, confirmation: bool) -> "Scores":
        """The same scores as of a contrast that compares the documents of one half alone."""
        place = np.cumsum(self.documents.confirmation == confirmation) - 1
        half = self.half(confirmation=confirmation)
        return replace(half, documents=self.documents.half(confirmation=confirmation), document=place[half.document])


def read_scored_documents(atlas: Atlas, sae: int) -> set[int]:
    """The documents that the SAE has encoded and summed.

    Of an imported SAE there is none: its export shows some windows, and where it shows nothing a feature may fire.
    """
    rows = atlas.rows(
        "SELECT document FROM coverage WHERE sae = ? AND summed AND sae NOT IN (SELECT sae FROM sae_import)", [sae]
    )
    return {row[0] for row in rows}


def covered_documents(
    atlas: Atlas, sae: int, positive: dict[int, str], control: dict[int, str]
) -> dict[int, bool] | None:
    """The documents that the SAE has encoded and summed: key -> is positive; None if a side is empty.

    Sides come from `contrasted_texts`. A text that stands in several corpora of a side counts once, that of the first.
    Documents come in the order of their texts' hashes.
    """
    covered = read_scored_documents(atlas, sae)
    found: dict[str, tuple[int, bool]] = {}
    for side, texts in ((True, positive), (False, control)):
        for key, text in texts.items():
            if key in covered:
                found.setdefault(text, (key, side))
    labels = dict(found[text] for text in sorted(found))
    return labels if set(labels.values()) == {True, False} else None


def default_score_unit(atlas: Atlas, documents: Sequence[int]) -> Unit:
    """The document where each is one window; else one window of each, since a maximum grows with length."""
    rows = atlas.rows("SELECT max(contexts) FROM coverage WHERE document IN (SELECT unnest($1))", [list(documents)])
    return "document" if (rows[0][0] or 1) == 1 else "window"


def read_documents(
    atlas: Atlas,
    sae: int,
    labels: dict[int, bool],
    unit: Unit,
    classes: Int[np.ndarray, " document"] | None = None,
) -> Documents:
    """What is known of the documents, in the order of `labels`; each side is halved evenly, or each of `classes`."""
    keys = np.fromiter(labels, dtype=np.int32)
    positive = np.fromiter(labels.values(), dtype=bool)
    rows = _known(atlas, sae, keys, unit)
    group, template = _numbered(rows["group_name"]), _numbered(rows["template"])
    group = np.where(group < 0, len(keys) + np.arange(len(keys)), group)
    groups = groups_of(group, positive) if classes is None else groups_of_classes(group, classes)
    names, domain = np.unique(np.asarray(rows["domain"].to_pylist(), dtype=object)[~positive], return_inverse=True)
    placed = np.full(len(keys), -1)
    placed[~positive] = domain
    return Documents(
        key=keys,
        positive=positive,
        confirmation=later_half_of_groups(groups, np.asarray(rows["draw"].to_pylist())),
        group=group,
        template=template,
        domain=placed,
        tokens=rows["tokens"].to_numpy(),
        bos_tokens=rows["bos_tokens"].to_numpy(),
        length=rows["length"].to_numpy(),
        domains=tuple(map(str, names)),
    )


def _known(atlas: Atlas, sae: int, keys: Int[np.ndarray, " document"], unit: Unit) -> pa.Table:
    """Lengths, groups, templates and domains of documents, in their order; `draw` puts groups into halves."""
    length = {"document": "coverage.tokens", "window": "context.tokens"}[unit]
    chosen = pa.table({"document": keys, "place": np.arange(len(keys), dtype=np.int32)})
    with atlas.registered(chosen=chosen):
        return atlas.arrow(
            f"""
            SELECT
              coverage.tokens,
              CASE WHEN prepend_bos THEN coverage.contexts ELSE 0 END AS bos_tokens,
              {length} AS length,
              md5(COALESCE(group_name, document.content_hash)) AS draw,
              group_name,
              template,
              domain
            FROM chosen
            JOIN document USING (document)
            JOIN corpus USING (corpus)
            JOIN coverage USING (document)
            JOIN sae USING (sae)
            JOIN tokenization USING (tokenization)
            JOIN context ON context.document = chosen.document
              AND context.tokenization = sae.tokenization
              AND context.sampled
            WHERE sae = $sae
            ORDER BY place
            """,
            {"sae": sae},
        )


def _numbered(names: pa.ChunkedArray) -> Int[np.ndarray, " document"]:
    """Equal names get equal numbers, from 0 in their order; -1 where there is none."""
    numbers: Int[np.ndarray, " document"] = names.combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy()
    return numbers


def read_scores(atlas: Atlas, sae: int, documents: Documents, unit: Unit, features: range) -> Scores:
    """The scores of a range of features, by feature and score."""
    chosen = pa.table({"document": documents.key, "place": np.arange(len(documents), dtype=np.int32)})
    values = {"sae": sae, "first": features.start, "last": features.stop - 1}
    score = {"document": "max_activation", "window": "window_max"}[unit]
    with atlas.registered(chosen=chosen):
        rows = atlas.arrow(
            f"""
            SELECT feature - $first AS feature, place, {score} AS score, sum_activation, active_tokens
            FROM feature_document
            JOIN chosen USING (document)
            WHERE sae = $sae
              AND feature BETWEEN $first AND $last
            ORDER BY feature, score, place
            """,
            values,
        )
    sql = "SELECT feature, activation FROM bos_activation WHERE sae = $sae AND feature BETWEEN $first AND $last"
    on_bos = atlas.arrow(sql, values)
    bos = np.zeros(len(features))
    bos[on_bos["feature"].to_numpy() - features.start] = on_bos["activation"].to_numpy()
    return Scores(
        documents=documents,
        features=features,
        feature=rows["feature"].to_numpy(),
        document=rows["place"].to_numpy(),
        score=rows["score"].to_numpy(),
        total=rows["sum_activation"].to_numpy(),
        active=rows["active_tokens"].to_numpy(),
        bos=bos,
    )


def read_score_chunks(
    atlas: Atlas, sae: int, d_sae: int, documents: Documents, unit: Unit, chunk_rows: int = CHUNK_ROWS
) -> Iterator[Scores]:
    """The scores of all features, in ranges of about so many rows: memory does not grow with the documents' text."""
    for features in feature_ranges(atlas, sae, d_sae, documents.key, chunk_rows):
        yield read_scores(atlas, sae, documents, unit, features)


def feature_ranges(
    atlas: Atlas, sae: int, d_sae: int, documents: Sequence[int] | np.ndarray, chunk_rows: int
) -> list[range]:
    """Ranges that cover the features of an SAE, each as long as so many rows allow and of one feature at least."""
    with atlas.registered(chosen=pa.table({"document": documents})):
        sql = (
            "SELECT feature, COUNT(*) FROM feature_document SEMI JOIN chosen USING (document) WHERE sae = ? GROUP BY 1"
        )
        counted = dict(atlas.rows(sql, [sae]))
    ranges, first, rows = [], 0, 0
    for feature in range(d_sae):
        held = counted.get(feature, 0)
        if rows + held > chunk_rows and feature > first:
            ranges.append(range(first, feature))
            first, rows = feature, 0
        rows += held
    return [*ranges, range(first, d_sae)]
