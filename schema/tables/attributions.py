"""Shapley values: of tokens for a prediction or a feature, and of features for a prediction."""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
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

from schema.tables.base import foreign_key_column, key_column, metadata, unchecked_key_column


def _document(comment: str) -> Column[Any]:
    """A pointer that is NULL where the prompt was given by hand."""
    return Column("document", Integer, nullable=True, comment=comment, info={"references": "document"})


explanation = Table(
    "explanation",
    metadata,
    key_column("explanation", "Key"),
    foreign_key_column("ingest_run", "Run that computed it"),
    Column("question", String, nullable=False, comment="What is explained by what: token, feature, logit (see there)"),
    unchecked_key_column("model", "Model"),
    Column("sae", SmallInteger, comment="SAE of the features; NULL where there are none", info={"references": "sae"}),
    Column("feature", Integer, comment="Feature whose activation is explained (question feature), zero-based"),
    _document("Document of the prompt; NULL where it was given by hand"),
    Column("ordinal", Integer, nullable=False, comment="Window of the document, from 0"),
    Column("text", String, nullable=False, comment="The prompt"),
    Column("tokens", SmallInteger, nullable=False, comment="Tokens of the prompt, BOS left out"),
    Column("output", String, nullable=False, comment="logit, log_probability (nats) or activation"),
    Column("target_id", Integer, comment="Token whose logit or log-probability is explained"),
    Column("target", String, comment="Its text"),
    Column(
        "position",
        SmallInteger,
        comment="Position read, BOS being 0; NULL: the largest over the prompt, BOS left out",
    ),
    Column(
        "every_position",
        Boolean,
        nullable=False,
        comment="Features are taken away at every position but BOS, not at `position` alone",
    ),
    Column(
        "baseline",
        String,
        nullable=False,
        comment="What stands for an absent token: end_of_text, mean_embedding, removal, ellipsis; feature: zero, mean",
    ),
    Column("estimator", String, nullable=False, comment="exact, permutation, or partition (shap's)"),
    Column("players", SmallInteger, nullable=False, comment="Tokens, or active features and the error"),
    Column("evaluations", BigInteger, nullable=False, comment="Distinct coalitions evaluated"),
    Column("base_value", Double, nullable=False, comment="Output with no player"),
    Column("full_value", Double, nullable=False, comment="Output with every player"),
    Column("residual", Double, nullable=False, comment="full_value - base_value - the sum of the values"),
    Column("identity", String, nullable=False, unique=True, comment="Hash of all it depends on: makes a rerun free"),
    CheckConstraint("question IN ('token', 'feature', 'logit')", name="explanation_question"),
    CheckConstraint("output IN ('logit', 'log_probability', 'activation')", name="explanation_output"),
    CheckConstraint("estimator IN ('exact', 'permutation', 'partition')", name="explanation_estimator"),
    comment=(
        "One run of Shapley values: tokens for a prediction (token), tokens for a feature's activation (feature), "
        "active features and the SAE's error for a prediction (logit)"
    ),
)

VALUE = "Shapley value: its share of full_value - base_value"
ERROR = "Standard error of the value; NULL where it is exact or not known"

token_attribution = Table(
    "token_attribution",
    metadata,
    unchecked_key_column("explanation", "Explanation"),
    Column("position", SmallInteger, nullable=False, comment="Position of the token, BOS being 0"),
    Column("token_id", Integer, nullable=False, comment="Token id"),
    Column("text", String, nullable=False, comment="Text of the token"),
    Column("char_start", Integer, nullable=False, comment="First character in the document, or prompt"),
    Column("char_end", Integer, nullable=False, comment="Character after it"),
    Column("value", Double, nullable=False, comment=VALUE),
    Column("standard_error", Double, comment=ERROR),
    Column("rank", SmallInteger, nullable=False, comment="Place by |value|, 1 being the largest; ties by position"),
    PrimaryKeyConstraint("explanation", "position"),
    comment="What a token of a prompt owes",
)

feature_attribution = Table(
    "feature_attribution",
    metadata,
    unchecked_key_column("explanation", "Explanation"),
    Column("player", SmallInteger, nullable=False, comment="Number of the player; the error is the last"),
    unchecked_key_column("sae", "SAE of the feature"),
    Column("feature", Integer, comment="Zero-based index in the SAE; NULL for the SAE's error"),
    Column("activation", Double, comment="Its activation at the position; NULL for the error"),
    Column("value", Double, nullable=False, comment=VALUE),
    Column("standard_error", Double, comment=ERROR),
    Column("rank", SmallInteger, nullable=False, comment="Place by |value|, 1 being the largest; ties by player"),
    Column("activation_gradient", Double, nullable=False, comment="The same by activation x gradient"),
    Column("integrated_gradients", Double, nullable=False, comment="The same by integrated gradients"),
    PrimaryKeyConstraint("explanation", "player"),
    comment="What an active feature, or the SAE's error, owes",
)

prompt_filter = Table(
    "prompt_filter",
    metadata,
    unchecked_key_column("explanation", "Explanation of the prompt's prediction (question token)", primary_key=True),
    Column("term", String, nullable=False, comment="The concept that the document names"),
    Column(
        "rank",
        SmallInteger,
        nullable=False,
        comment="Best rank by |value| of a token on the term: it is among the top k where rank <= k",
    ),
    Column("study_tokens", JSON, comment="Tokens that the study's rule looks at; NULL where it was not run"),
    Column("study_kept", Boolean, comment="Whether the study's rule, as it ran, keeps the prompt"),
    comment="The study's filter of prompts, done right and as it ran",
)
