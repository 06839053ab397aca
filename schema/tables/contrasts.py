"""Contrasts: positive sets of documents against control sets."""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
)

from schema.tables.base import key, metadata, pointer, reference

contrast = Table(
    "contrast",
    metadata,
    key("contrast", "Key"),
    Column("name", String, nullable=False, unique=True, comment="Name it is asked for by"),
    Column("positive", JSON, nullable=False, comment="Sets of the positive documents: corpora, domain=D, term=T"),
    Column("control", JSON, nullable=False, comment="Sets of the control documents"),
    Column(
        "unit",
        String,
        nullable=False,
        comment="document: maximum over all its tokens; window: over one window chosen by hash",
    ),
    CheckConstraint("unit IN ('document', 'window')", name="contrast_unit"),
    comment="A question: which features fire on these documents and not on those",
)

sae_contrast = Table(
    "sae_contrast",
    metadata,
    pointer("contrast", "Contrast"),
    reference("sae", "SAE"),
    Column("documents_positive", Integer, nullable=False, comment="Positive documents"),
    Column("documents_control", Integer, nullable=False, comment="Control documents"),
    Column(
        "features_tested",
        Integer,
        nullable=False,
        comment="Features that fire in at least 5 documents: what q corrects for",
    ),
    Column("documents_hash", String, nullable=False, comment="Hash of the documents compared: what makes a rerun free"),
    PrimaryKeyConstraint("contrast", "sae"),
    comment="A contrast computed for an SAE: how many documents and features it compared",
)

feature_contrast = Table(
    "feature_contrast",
    metadata,
    pointer("contrast", "Contrast"),
    reference("sae", "SAE of the feature"),
    Column("feature", Integer, nullable=False, autoincrement=False, comment="Zero-based index in the SAE"),
    Column("fires_positive", Integer, nullable=False, comment="Positive documents it fires in"),
    Column("fires_control", Integer, nullable=False, comment="Control documents it fires in"),
    Column(
        "mean_positive",
        Double,
        nullable=False,
        comment="Mean over positive documents of their mean activation, BOS left out",
    ),
    Column("mean_control", Double, nullable=False, comment="The same over control documents"),
    Column("mean_difference", Double, nullable=False, comment="mean_positive - mean_control"),
    Column("study_positive", Double, nullable=False, comment="mean_positive with BOS counted, as the study printed it"),
    Column("study_control", Double, nullable=False, comment="mean_control with BOS counted, as the study printed it"),
    Column("study_difference", Double, nullable=False, comment="study_positive - study_control"),
    Column(
        "study_kept",
        Boolean,
        nullable=False,
        comment="Positive mean and difference, and within 2 sample std of the mean of such differences",
    ),
    Column(
        "auroc",
        Double,
        nullable=False,
        comment="Chance that a positive document outranks a control one; ties count half",
    ),
    Column("p", Double, nullable=False, comment="Two-sided rank-sum p, asymptotic, with tie and continuity correction"),
    Column("q", Double, comment="Benjamini-Hochberg q over the tested features; NULL if not tested"),
    PrimaryKeyConstraint("contrast", "sae", "feature"),
    comment="A feature in a contrast, where it fires at all",
)
