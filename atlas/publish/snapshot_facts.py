"""What a snapshot says about itself: its title, what it was made from, whose text it shows, and its fingerprint.

The fingerprint is what it is made from, as one hash: equal fingerprints need no new snapshot.
"""

from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version

from atlas.publish.rows import NUL_SHOWN
from atlas.publish.tables import UNPUBLISHED
from ingest.models.names import POCKET
from queries import saved_queries
from schema import Atlas, migrations
from schema.tables import metadata

EMBEDDED_NOTE = (
    "These are results of the embedded model, pocket: a small GPT-2 that needs no network. They show how the atlas "
    "works and say nothing about GPT-2 small; for that, ingest with --sae gpt2-small-res-jb/blocks.8.hook_resid_pre."
)
IMPORTED_NOTE = (
    "Imported, no model ran: what is known of these features is what an export shows. Activations are known in the "
    "windows that it shows of a feature and nowhere else; shares of tokens, moments and counts here are over all "
    "windows imported, which were chosen for what fires in them."
)
CACHE = "delphi"
"""The format of imports that have every activation."""
CACHE_NOTE = (
    "Imported from a cache of activations, no model ran here: every activation on its sequences is known, and nothing "
    "of what these features raise, how they read the model, or how well they keep it."
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
    imported: tuple[str, ...] = ()

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
        embedded = (EMBEDDED_NOTE,) if POCKET in self.models else ()
        imported = (f"{' and '.join(self.imported)}: {IMPORTED_NOTE}",) if self.imported else ()
        return (summary, *embedded, *imported)

    @property
    def licence(self) -> str:
        """The licences of the texts in one line."""
        shown = ", ".join(self.licences[:LICENCES_SHOWN])
        more = ", ..." if len(self.licences) > LICENCES_SHOWN else ""
        return f"texts under {shown}{more}; see each document" if shown else "see each document"


def read_snapshot_facts(atlas: Atlas) -> About:
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
        imported=_names(
            atlas, "SELECT label FROM sae JOIN sae_import USING (sae) WHERE format <> 'delphi' ORDER BY ordinal"
        ),
    )


def _instance(atlas: Atlas) -> dict[str, int]:
    """Values for the parameters that have no default, from the first SAE's most telling features."""
    features = [int(row[0]) for row in atlas.duckdb.execute(STRIKING_FEATURES).fetchall()]
    if not features:
        return {}
    values = {"feature": features[0], "other_feature": features[-1], "number": features[0]}
    return values | ({"cluster": 0} if _count(atlas, "SELECT count(*) FROM clustering") else {})


def _names(atlas: Atlas, sql: str) -> tuple[str, ...]:
    return tuple(str(row[0]).replace("\0", NUL_SHOWN) for row in atlas.duckdb.execute(sql).fetchall())


def _count(atlas: Atlas, sql: str) -> int:
    row = atlas.duckdb.execute(sql).fetchone()
    assert row is not None
    return int(row[0])


def _counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


DISTRIBUTION = "feature-atlas"
LOGS = frozenset({"ingest_run", "migration", "scheduled_run"})
"""A run that changed nothing else is not worth a snapshot; one that did shows in the other tables."""


def content_fingerprint(atlas: Atlas) -> str:
    """SHA-256, hexadecimal, over the versions, the saved queries and every row that is published.

    Rows are hashed by DuckDB and summed, so their order does not matter; the
    unpublished tables are what the published ones were computed from.
    """
    parts: list[object] = [snapshot_program_version(), migrations.VERSION, saved_queries()]
    for table in metadata.sorted_tables:
        if table.name not in UNPUBLISHED | LOGS:
            rows = f"SELECT count(*), sum(CAST(hash(row) AS HUGEINT)) FROM {table.name} AS row"
            parts.append((table.name, *(atlas.duckdb.execute(rows).fetchone() or ())))
    return sha256("\n".join(map(repr, parts)).encode()).hexdigest()


def snapshot_program_version() -> str:
    """The installed version of this program."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "(version unknown)"
