"""What a feature does: the model with it pushed, clamped or removed, beside random features."""

from sqlalchemy import (
    JSON,
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

steering = Table(
    "steering",
    metadata,
    key_column("steering", "Key"),
    foreign_key_column("ingest_run", "Run that computed it"),
    unchecked_key_column("sae", "SAE of the feature"),
    unchecked_key_column("feature", "Zero-based index in the SAE"),
    Column(
        "kind",
        String,
        nullable=False,
        comment="add: activation + dose; clamp: dose in its place; remove: 0 in its place; the SAE's error stays",
    ),
    Column("positions", JSON, comment="Positions steered, BOS being 0; NULL: every one after BOS, and what follows"),
    Column("document", Integer, comment="Document of the prompt; NULL: given by hand", info={"references": "document"}),
    Column("text", String, nullable=False, comment="The prompt"),
    Column("unit", Double, nullable=False, comment="A dose of 1: the feature's largest activation in the atlas"),
    Column("activation", Double, nullable=False, comment="Its mean over the steered positions, unsteered"),
    Column("next_tokens", JSON, nullable=False, comment="Likeliest next tokens, unsteered: [[text, probability], ...]"),
    Column("words", JSON, nullable=False, comment="Tokens whose probability is followed: [text, ...]"),
    Column("words_probability", Double, comment="That the next token is one of them, unsteered; NULL: there are none"),
    Column("temperature", Double, nullable=False, comment="Of continuations; 0: the likeliest token each time"),
    Column("seed", Integer, nullable=False, comment="Seed of the continuations, and of the random features"),
    Column("continuation", String, comment="What the model writes after the prompt, unsteered; NULL: not asked for"),
    Column("random_features", SmallInteger, nullable=False, comment="How many it is held against: as dense, as long"),
    Column("identity", String, nullable=False, unique=True, comment="Hash of all it depends on: makes a rerun free"),
    CheckConstraint("kind IN ('add', 'clamp', 'remove')", name="steering_kind"),
    comment="A prompt on which a feature is steered, and what the model makes of it unsteered",
)

steering_effect = Table(
    "steering_effect",
    metadata,
    unchecked_key_column("steering", "Steering"),
    Column("dose", Double, nullable=False, comment="In units of its largest activation; 0 where it is removed"),
    Column("random", SmallInteger, nullable=False, comment="0: the feature itself; 1, 2, ...: a random feature"),
    unchecked_key_column("sae", "SAE of the feature"),
    unchecked_key_column(
        "feature", "Whose decoder direction is written; a random one's is brought to the length of the feature's"
    ),
    Column("kl", Double, nullable=False, comment="KL(unsteered || steered) of the next token, nats"),
    Column("kl_rank", SmallInteger, comment="Its rank among the random features' at this dose, 1: none is as large"),
    Column("words_probability", Double, comment="That the next token is one of the words; NULL: there are none"),
    Column("words_rank", SmallInteger, comment="Rank of what the words gain among the random features' at this dose"),
    Column(
        "activation",
        Double,
        nullable=False,
        comment="The steered feature's mean over the steered positions, when the steered stream is encoded again",
    ),
    Column("raised", JSON, nullable=False, comment="Tokens that gain most: [[text, probability before, after], ...]"),
    Column("lowered", JSON, nullable=False, comment="Tokens that lose most: [[text, probability before, after], ...]"),
    Column("words", JSON, comment="The words: [[text, probability before, after], ...]; NULL for random features"),
    Column("continuation", String, comment="What the model writes; of the feature and the first random one alone"),
    PrimaryKeyConstraint("steering", "dose", "random"),
    comment="What a dose of a feature does to the next token, and the same push along random features",
)

ablation = Table(
    "ablation",
    metadata,
    key_column("ablation", "Key"),
    foreign_key_column("ingest_run", "Run that computed it"),
    unchecked_key_column("sae", "SAE of the feature"),
    unchecked_key_column("feature", "Zero-based index in the SAE"),
    Column("positive", JSON, nullable=False, comment="Sets of documents on the positive side"),
    Column("control", JSON, nullable=False, comment="Sets of documents on the control side"),
    Column("difference", Double, nullable=False, comment="Rise on the positive side minus that on the control side"),
    Column("difference_low", Double, comment="Lower end of its interval at level 0.95, paired bootstrap over groups"),
    Column("difference_high", Double, comment="Upper end"),
    Column("difference_rank", SmallInteger, comment="Its rank among the random features', 1: none is as large"),
    Column("random_features", SmallInteger, nullable=False, comment="How many it is held against: as dense, as long"),
    Column("seed", Integer, nullable=False, comment="Seed of the random features and of the bootstrap"),
    Column("documents_sha256", String, nullable=False, comment="SHA-256 of what was read of the atlas"),
    Column("identity", String, nullable=False, unique=True, comment="Hash of all it depends on: makes a rerun free"),
    comment="A feature removed from documents of two sides; rises are of the loss, nats a token",
)

ablation_effect = Table(
    "ablation_effect",
    metadata,
    unchecked_key_column("ablation", "Ablation"),
    Column("random", SmallInteger, nullable=False, comment="0: the feature itself; 1, 2, ...: a random feature"),
    Column("side", String, nullable=False, comment="positive or control: which documents"),
    unchecked_key_column("sae", "SAE of the feature"),
    unchecked_key_column("feature", "The feature that is removed"),
    Column("documents", Integer, nullable=False, comment="Documents"),
    Column("groups", Integer, nullable=False, comment="Groups of documents"),
    Column("tokens", Integer, nullable=False, comment="Predicted tokens"),
    Column("active_tokens", Integer, nullable=False, comment="Tokens on which the feature fires"),
    Column("loss", Double, nullable=False, comment="Cross-entropy, nats a token"),
    Column("loss_without", Double, nullable=False, comment="Cross-entropy with the feature removed, nats a token"),
    Column("rise", Double, nullable=False, comment="loss_without - loss"),
    Column("rise_low", Double, comment="Lower end of its interval at level 0.95, paired bootstrap over groups"),
    Column("rise_high", Double, comment="Upper end"),
    PrimaryKeyConstraint("ablation", "random", "side"),
    CheckConstraint("side IN ('positive', 'control')", name="ablation_effect_side"),
    comment="What removing a feature does to the loss on one side, and what removing random features does",
)

ablation_document = Table(
    "ablation_document",
    metadata,
    unchecked_key_column("ablation", "Ablation"),
    unchecked_key_column("document", "Document"),
    Column("side", String, nullable=False, comment="positive or control"),
    Column("tokens", Integer, nullable=False, comment="Predicted tokens"),
    Column("active_tokens", Integer, nullable=False, comment="Tokens on which the feature fires"),
    Column("nats", Double, nullable=False, comment="Cross-entropy of the document, nats"),
    Column("nats_without", Double, nullable=False, comment="The same with the feature removed"),
    PrimaryKeyConstraint("ablation", "document"),
    comment="What removing the feature does to each document's loss",
)
