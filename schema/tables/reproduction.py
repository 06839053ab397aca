"""The study that the atlas began with, run again: as printed, beside the figures that it printed, and corrected.

Rows of a contrast and an SAE go where the contrast is computed again: `atlas reproduce` makes them anew.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
)

from schema.tables.base import foreign_key_column, metadata, unchecked_key_column

reproduction = Table(
    "reproduction",
    metadata,
    unchecked_key_column("contrast", "Contrast of the study's two lists of prompts: the corrected figures"),
    unchecked_key_column("sae", "SAE that the study measured"),
    Column(
        "other_sae",
        SmallInteger,
        nullable=False,
        comment="SAE that the study took its logit weights and its label from",
        info={"references": "sae"},
    ),
    Column(
        "matched_contrast",
        String,
        comment="Name of the contrast of bundled sentences, half of them in pairs of one template; NULL: not made",
    ),
    foreign_key_column("ingest_run", "Run that computed it"),
    Column("notebook", String, nullable=False, comment="File that the lists were read off"),
    Column("prompts_positive", Integer, nullable=False, comment="Prompts of the concept, as they stand in the list"),
    Column("prompts_control", Integer, nullable=False, comment="Prompts to compare with"),
    Column("number", Integer, nullable=False, comment="Printed number whose four readings are put side by side"),
    Column(
        "processing_difference",
        Double,
        nullable=False,
        comment="Largest |mean| by which the study's processing of "
        "the model moves a mean from that of the stored activations",
    ),
    Column("printed_rows", Integer, comment="Rows of the printed list; NULL where nothing printed is of this SAE"),
    Column("printed_shared", Integer, comment="How many of their features the list made here holds"),
    Column("printed_in_place", Integer, comment="How many of them at the same place"),
    Column("rank_correlation", Double, comment="Spearman's correlation of the places of those that both lists hold"),
    Column("largest_deviation", Double, comment="Largest |difference| of a printed figure from the one computed here"),
    Column("inputs_hash", String, nullable=False, comment="Hash of all it depends on: what makes a rerun free"),
    PrimaryKeyConstraint("contrast", "sae"),
    comment="The study run again on an SAE: what was compared, and how far the printed figures are met",
)

reproduction_feature = Table(
    "reproduction_feature",
    metadata,
    unchecked_key_column("contrast", "Contrast"),
    unchecked_key_column("sae", "SAE of the feature"),
    Column("feature", Integer, nullable=False, autoincrement=False, comment="Zero-based index in the SAE"),
    Column(
        "study_positive",
        Double,
        nullable=False,
        comment="Mean over positive prompts of the mean over positions, "
        "BOS counted, under the study's processing of the model",
    ),
    Column("study_control", Double, nullable=False, comment="The same, control prompts"),
    Column("study_difference", Double, nullable=False, comment="study_positive - study_control"),
    Column("positive_without_bos", Double, nullable=False, comment="study_positive with BOS left out"),
    Column("control_without_bos", Double, nullable=False, comment="study_control with BOS left out"),
    Column("place", SmallInteger, comment="Place in the list that the study's method makes here; NULL: not in it"),
    Column(
        "printed_number", Integer, comment="Number that the study printed it by, counted from one; NULL: not printed"
    ),
    Column("printed_place", SmallInteger, comment="Place in the printed list"),
    Column("printed_positive", Double, comment="Mean of the positive prompts as printed"),
    Column("printed_control", Double, comment="Mean of the control prompts as printed"),
    Column("printed_difference", Double, comment="Difference as printed"),
    PrimaryKeyConstraint("contrast", "sae", "feature"),
    comment="A feature that fires on a prompt of the study, by the study's own method, beside what the study printed",
)

reproduction_fault = Table(
    "reproduction_fault",
    metadata,
    unchecked_key_column("contrast", "Contrast"),
    unchecked_key_column("sae", "SAE that the study measured"),
    Column("fault", SmallInteger, nullable=False, autoincrement=False, comment="Number of the fault, from 1"),
    Column("name", String, nullable=False, comment="The fault in a few words"),
    Column("shown", Boolean, comment="Whether the data show it; NULL: nothing to tell it by"),
    Column("finding", String, nullable=False, comment="What the data say of it"),
    Column("figures", JSON, nullable=False, comment="The figures of that sentence, by their names"),
    PrimaryKeyConstraint("contrast", "sae", "fault"),
    CheckConstraint("fault >= 1", name="reproduction_fault_number"),
    comment="A fault of the study, and what the data say of it",
)

study_moment = Table(
    "study_moment",
    metadata,
    unchecked_key_column("sae", "SAE of the feature"),
    Column("feature", Integer, nullable=False, autoincrement=False, comment="Zero-based index in the SAE"),
    Column("logit_std", Double, nullable=False, comment="Population standard deviation of its logit weights"),
    Column("logit_skewness", Double, comment="Skewness E[z^3]; NULL where the weights do not vary"),
    Column("logit_kurtosis", Double, comment="Kurtosis E[z^4], not excess"),
    PrimaryKeyConstraint("sae", "feature"),
    comment="Logit weights as the study had them: ln_final folded, W_U centred, its columns of length 1 (cosine)",
)

study_prompt = Table(
    "study_prompt",
    metadata,
    unchecked_key_column("document", "Prompt"),
    unchecked_key_column("model", "Model that continued it"),
    Column("tokens", SmallInteger, nullable=False, comment="Tokens of the prompt"),
    Column("looked_at", JSON, nullable=False, comment="Tokens that the study's filter looks at"),
    Column("top_tokens", JSON, nullable=False, comment="The three with the largest |SHAP value| over what follows"),
    Column("kept", Boolean, nullable=False, comment="Whether the study's filter, as it ran, keeps the prompt"),
    Column(
        "names_first",
        Boolean,
        nullable=False,
        comment="Whether a top token is of the prompt's first word, with "
        "which the study's prompts name their pathology",
    ),
    PrimaryKeyConstraint("document", "model"),
    comment="The study's filter of prompts: what it looks at, and what has the largest values",
)
