"""Language models, their SAEs and the SAEs' features."""

from sqlalchemy import (
    JSON,
    REAL,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)

from schema.tables.base import key, metadata, pointer

model = Table(
    "model",
    metadata,
    key("model", "Key"),
    Column("name", String, nullable=False, comment="Name it was asked for by"),
    Column("architecture", String, nullable=False, comment="Hugging Face architecture class"),
    Column("n_layers", Integer, nullable=False, comment="Transformer blocks"),
    Column("d_model", Integer, nullable=False, comment="Width of the residual stream"),
    Column("n_heads", Integer, nullable=False, comment="Attention heads of a block"),
    Column("n_ctx", Integer, nullable=False, comment="Longest context, tokens"),
    Column("d_vocab", Integer, nullable=False, comment="Size of the vocabulary"),
    Column(
        "center_writing_weights", Boolean, nullable=False, comment="Weights that write to the residual stream centred"
    ),
    Column("fold_ln", Boolean, nullable=False, comment="LayerNorm folded into the following weights"),
    Column("center_unembed", Boolean, nullable=False, comment="Unembedding centred over the vocabulary"),
    Column("weights_sha256", String, nullable=False, comment="SHA-256 of the weights as loaded, before processing"),
    Column("config", JSON, comment="What its config.json says that changes values; NULL where that is not known"),
    Column("config_sha256", String, comment="SHA-256 of config; another one is another model"),
    UniqueConstraint("weights_sha256", "config_sha256", "center_writing_weights", "fold_ln", "center_unembed"),
    comment="A language model, with its configuration and how its weights were processed",
)

tokenization = Table(
    "tokenization",
    metadata,
    key("tokenization", "Key"),
    Column("tokenizer", String, nullable=False, comment="Name of the tokenizer"),
    Column("tokenizer_sha256", String, nullable=False, comment="SHA-256 of the tokenizer's definition"),
    Column("context_size", SmallInteger, nullable=False, comment="Longest window, tokens, BOS included"),
    Column("prepend_bos", Boolean, nullable=False, comment="Every window begins with BOS, at position 0"),
    UniqueConstraint("tokenizer_sha256", "context_size", "prepend_bos"),
    CheckConstraint("context_size > 1", name="tokenization_context_size"),
    comment="A way to cut text into tokens and windows",
)

vocabulary = Table(
    "vocabulary",
    metadata,
    pointer("tokenization", "Tokenization it belongs to", primary_key=True),
    Column("token_id", Integer, primary_key=True, autoincrement=False, comment="Token id"),
    Column("text", String, nullable=False, comment="Text of the token; a broken character shows as U+FFFD"),
    comment="The text of each token id",
)

sae = Table(
    "sae",
    metadata,
    key("sae", "Key"),
    Column("release", String, nullable=False, comment="SAELens release, or pocket, or a folder's name"),
    Column("sae_id", String, nullable=False, comment="Id within the release, mostly the hook name"),
    pointer("model", "Model it reads"),
    pointer("tokenization", "Windows it reads"),
    Column("hook_name", String, nullable=False, comment="TransformerLens name of the activations it reads"),
    Column("hook_layer", SmallInteger, nullable=False, comment="Block of the hook"),
    Column("architecture", String, nullable=False, comment="SAELens architecture: standard, jumprelu, topk, ..."),
    Column("d_in", Integer, nullable=False, comment="Width of its input"),
    Column("d_sae", Integer, nullable=False, comment="Number of features"),
    Column("neuronpedia_id", String, comment="Model and source at neuronpedia.org, if published there"),
    Column(
        "logit_weights",
        String,
        nullable=False,
        comment="Columns of W_U in feature.logit_*: plain or cosine (unit length)",
    ),
    Column(
        "weights_sha256",
        String,
        nullable=False,
        comment="SHA-256 of the weights; other weights, or another model, are another SAE",
    ),
    Column("config", JSON, comment="What its configuration says that changes values; NULL where that is not known"),
    Column("config_sha256", String, comment="SHA-256 of config; another one is another SAE"),
    Column("added_at", DateTime, comment="When it was first ingested (UTC); NULL where that is not known"),
    Column(
        "pinned",
        String,
        nullable=False,
        comment="release/sae_id@hash, which means this one for ever; the hash is of all that makes it an SAE",
    ),
    Column(
        "label",
        String,
        nullable=False,
        comment="Its name: release/sae_id, and where a newer one bears that name, pinned",
    ),
    Column("ordinal", SmallInteger, nullable=False, comment="Place in lists, from 0: by name, the newest first"),
    UniqueConstraint("release", "sae_id", "model", "tokenization", "weights_sha256", "config_sha256"),
    UniqueConstraint("pinned"),
    CheckConstraint("logit_weights IN ('plain', 'cosine')", name="sae_logit_weights"),
    comment="A sparse autoencoder: release, id, and where it reads",
)

feature = Table(
    "feature",
    metadata,
    pointer("sae", "SAE it belongs to"),
    Column("feature", Integer, nullable=False, autoincrement=False, comment="Zero-based index in the SAE"),
    Column("log_sparsity", REAL, comment="log10 of its density in training, as the SAE ships it"),
    Column("decoder_norm", REAL, nullable=False, comment="Length of its decoder row"),
    Column("logit_mean", REAL, nullable=False, comment="Mean of its logit weights"),
    Column("logit_std", REAL, nullable=False, comment="Population standard deviation of its logit weights"),
    Column("logit_skewness", REAL, comment="Skewness E[z^3] of its logit weights"),
    Column("logit_kurtosis", REAL, comment="Kurtosis E[z^4] of its logit weights (3 for a normal)"),
    Column("top_logits", JSON, nullable=False, comment="Tokens it raises most: [[text, weight], ...]"),
    Column("bottom_logits", JSON, nullable=False, comment="Tokens it lowers most: [[text, weight], ...]"),
    PrimaryKeyConstraint("sae", "feature"),
    CheckConstraint("feature >= 0", name="feature_index"),
    comment="A feature of an SAE, with the moments of its logit weights W_dec @ W_U",
)
