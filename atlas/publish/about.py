"""What a snapshot says about itself: its title, what it was made from, whose text it shows."""

from dataclasses import dataclass
from html import escape

from atlas.publish.rows import NUL_SHOWN
from ingest.models.names import POCKET
from schema import Atlas

EMBEDDED_NOTE = (
    "These are results of the embedded model, pocket: a small GPT-2 that needs no network. They show how the atlas "
    "works and say nothing about GPT-2 small; for that, ingest with --sae gpt2-small-res-jb/blocks.8.hook_resid_pre."
)
LICENCES_SHOWN = 6

STRIKING_FEATURES = """
    SELECT feature
    FROM feature
    LEFT JOIN (SELECT sae, feature, max(auroc) AS auroc FROM feature_contrast GROUP BY ALL) USING (sae, feature)
    LEFT JOIN (SELECT sae, feature, sum(active_tokens) AS tokens FROM feature_corpus GROUP BY ALL) USING (sae, feature)
    LEFT JOIN (SELECT sae, feature, count(*) AS explanations FROM explanation GROUP BY ALL) USING (sae, feature)
    WHERE sae = (SELECT min(sae) FROM sae)
    ORDER BY explanations IS NULL, auroc DESC NULLS LAST, tokens DESC NULLS LAST, feature
    LIMIT 2
"""


@dataclass(frozen=True)
class About:
    """An atlas in a few words, read once when it is published."""

    models: tuple[str, ...]
    saes: tuple[str, ...]
    corpora: int
    documents: int
    tokens: int
    licences: tuple[str, ...]
    instance: dict[str, int]
    longest_text: int

    @property
    def title(self) -> str:
        """The name of the site."""
        return "Feature atlas: " + (", ".join(self.models) or "nothing ingested yet")

    @property
    def notes(self) -> tuple[str, ...]:
        """Paragraphs of plain text: what is here, and how far to trust it."""
        summary = (
            f"What the features of {_counted(len(self.saes), 'sparse autoencoder')} of {' and '.join(self.models)} "
            f"fire on, over {_counted(self.documents, 'document')} ({self.tokens:,} tokens) in "
            f"{_counted(self.corpora, 'corpus', 'corpora')}."
        )
        if not self.models:
            return ("Nothing is ingested yet.",)
        return (summary, EMBEDDED_NOTE) if POCKET in self.models else (summary,)

    @property
    def html(self) -> str:
        """The paragraphs as HTML, everything from the atlas escaped."""
        return "".join(f"<p>{escape(note)}</p>" for note in self.notes)

    @property
    def licence(self) -> str:
        """The licences of the texts in one line."""
        shown = ", ".join(self.licences[:LICENCES_SHOWN])
        more = ", ..." if len(self.licences) > LICENCES_SHOWN else ""
        return f"texts under {shown}{more}; see each document" if shown else "see each document"


def about(atlas: Atlas) -> About:
    """Read what an atlas holds."""
    return About(
        models=_names(atlas, "SELECT DISTINCT name FROM model ORDER BY name"),
        saes=_names(atlas, "SELECT label FROM sae ORDER BY ordinal"),
        corpora=_count(atlas, "SELECT count(*) FROM corpus"),
        documents=_count(atlas, "SELECT count(*) FROM document"),
        tokens=_count(atlas, "SELECT count(*) FROM token"),
        licences=_names(
            atlas,
            "SELECT licence FROM document WHERE licence IS NOT NULL GROUP BY licence ORDER BY count(*) DESC, licence",
        ),
        instance=_instance(atlas),
        longest_text=_count(atlas, "SELECT coalesce(max(strlen(text)), 0) FROM document"),
    )


def _instance(atlas: Atlas) -> dict[str, int]:
    """Values for the parameters that have no default, from the first SAE's most telling features."""
    features = [int(row[0]) for row in atlas.duckdb.execute(STRIKING_FEATURES).fetchall()]
    if not features:
        return {}
    return {"feature": features[0], "other_feature": features[-1], "number": features[0]}


def _names(atlas: Atlas, sql: str) -> tuple[str, ...]:
    return tuple(str(row[0]).replace("\0", NUL_SHOWN) for row in atlas.duckdb.execute(sql).fetchall())


def _count(atlas: Atlas, sql: str) -> int:
    row = atlas.duckdb.execute(sql).fetchone()
    assert row is not None
    return int(row[0])


def _counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
