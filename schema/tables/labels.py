"""What is said of features: labels and their scores, and what exports of others say and which windows they show."""

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
)

from schema.tables.base import foreign_key_column, key_column, metadata, unchecked_key_column

feature_label = Table(
    "feature_label",
    metadata,
    key_column("feature_label", "Key"),
    unchecked_key_column("sae", "SAE of the feature"),
    unchecked_key_column("feature", "Zero-based index in the SAE"),
    Column("label", String, nullable=False, comment="What the feature is said to mean: a claim"),
    Column(
        "method", String, nullable=False, comment="How it was made: automatic, language model, or its source's word"
    ),
    Column(
        "kind",
        String,
        nullable=False,
        comment="Where its words stand: on the tokens it fires on, after or before them, about them, next (says); text",
    ),
    Column("words", JSON, nullable=False, comment="The words it is judged by, as ingest.labels.vocabulary spells them"),
    Column("author", String, comment="Who made it, where its source says so"),
    Column("model", String, comment="Language model that worded it"),
    Column("created_at", DateTime, comment="When it was made (UTC); NULL where its source does not say"),
    Column("source", String, nullable=False, comment="File it was imported from, or atlas: documents of this atlas"),
    Column("source_sha256", String, nullable=False, comment="SHA-256 of that file, or of what was read of the atlas"),
    Column("external_id", String, comment="Its name at its source"),
    Column("contexts", Integer, comment="Firing contexts that it was made from; NULL where its source does not say"),
    Column("prompt", String, comment="What the language model was asked"),
    Column("answer", String, comment="What it answered"),
    foreign_key_column("ingest_run", "Run that brought it"),
    CheckConstraint(
        "kind IN ('on', 'after', 'before', 'about', 'says', 'text')",
        name="feature_label_kind",
    ),
    comment="A label of a feature: what it is said to mean, by whom, from what",
)

label_score = Table(
    "label_score",
    metadata,
    unchecked_key_column("feature_label", "Label"),
    Column(
        "negatives",
        String,
        nullable=False,
        comment="Silent contexts: random; neighbour (its nearest feature fires there); same token (as where it fires)",
    ),
    Column("judge", String, nullable=False, comment="What told the contexts apart: words, or a language model's name"),
    foreign_key_column("ingest_run", "Run that computed it"),
    Column("documents_sha256", String, nullable=False, comment="SHA-256 of what was read of the atlas"),
    Column("firing", Integer, nullable=False, comment="Firing contexts, of documents that make no labels"),
    Column("silent", Integer, nullable=False, comment="Silent contexts of the same documents"),
    Column("firing_groups", Integer, nullable=False, comment="Groups of documents that the firing contexts are of"),
    Column("silent_groups", Integer, nullable=False, comment="Groups of documents that the silent contexts are of"),
    Column("balanced_accuracy", Double, comment="Mean of recall and 1 - false_alarms; NULL where there is too little"),
    Column("balanced_accuracy_low", Double, comment="Lower end of its interval at level 0.95, bootstrap over groups"),
    Column("balanced_accuracy_high", Double, comment="Upper end"),
    Column("recall", Double, comment="Share of the firing contexts that the judge calls firing"),
    Column("false_alarms", Double, comment="Share of the silent contexts that the judge calls firing"),
    Column("auroc", Double, comment="AUROC of the judge's scores, firing against silent; ties count half"),
    Column("auroc_low", Double, comment="Lower end of its interval at level 0.95, bootstrap over groups"),
    Column("auroc_high", Double, comment="Upper end"),
    Column("wrong_labels", Integer, comment="Other features' labels that were judged on the same contexts"),
    Column("wrong_mean", Double, comment="Mean AUROC of these"),
    Column("wrong_best", Double, comment="Largest AUROC of these"),
    Column("beaten", Integer, comment="How many of these have a smaller AUROC than the label"),
    Column("reason", String, comment="Why there is no figure; NULL where there is"),
    Column("prompt", String, comment="What the language model was asked"),
    Column("answer", String, comment="What it answered"),
    PrimaryKeyConstraint("feature_label", "negatives", "judge"),
    CheckConstraint("negatives IN ('random', 'neighbour', 'same token')", name="label_score_negatives"),
    comment="How far a label tells contexts in which its feature fires from those in which it is silent",
)


sae_import = Table(
    "sae_import",
    metadata,
    unchecked_key_column("sae", "SAE that was imported", primary_key=True),
    foreign_key_column("ingest_run", "Run that brought it"),
    Column("format", String, nullable=False, comment="Format of the export: neuronpedia, saedashboard, delphi"),
    Column("source", String, nullable=False, comment="Name of the folder it was imported from"),
    Column("files_sha256", String, nullable=False, comment="SHA-256 of its files"),
    Column("dataset", String, comment="Data set that its windows are of, as the export says"),
    Column("prompts", Integer, comment="Prompts that its author ran"),
    Column("tokens_in_prompt", Integer, comment="Tokens of each of them, BOS included"),
    Column("said", JSON, nullable=False, comment="What the export says of the SAE's release, model, set and source"),
    comment="An SAE that was imported from an export, of which the atlas knows what that shows: no model ran",
)

feature_import = Table(
    "feature_import",
    metadata,
    unchecked_key_column("sae", "SAE of the feature"),
    Column("feature", Integer, nullable=False, autoincrement=False, comment="Zero-based index in the SAE"),
    Column("density", Double, comment="Share of its author's tokens on which it fires, as the export says"),
    Column("max_activation", Double, comment="Its maximum, as the export says"),
    Column("said", JSON, nullable=False, comment="What else the export says of it, under the export's names"),
    PrimaryKeyConstraint("sae", "feature"),
    comment="What an export says of a feature beside its windows and its logit weights",
)

shown_window = Table(
    "shown_window",
    metadata,
    unchecked_key_column("sae", "SAE of the feature"),
    Column("feature", Integer, nullable=False, autoincrement=False, comment="Zero-based index in the SAE"),
    Column("place", Integer, nullable=False, comment="Place among the feature's windows in the export, from 0"),
    unchecked_key_column("context", "Window; one may be shown several times, and where the feature is silent"),
    Column("bin_min", Double, comment="Lower end of the interval it stands for; -1: among the strongest"),
    Column("bin_max", Double, comment="Upper end of that interval"),
    Column("bin_contains", Double, comment="Share of its author's tokens in that interval; -1: not said"),
    Column("peak", SmallInteger, comment="Token that it was chosen by, from 0; -1: none"),
    PrimaryKeyConstraint("sae", "feature", "place"),
    comment="A window that an export shows of a feature: where its activations are known, and nowhere else",
)
