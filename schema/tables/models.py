"""Language models, their SAEs and the SAEs' features."""

from sqlalchemy import (
    JSON,
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)

from schema.tables.base import foreign_key_column, key_column, metadata, unchecked_key_column

model = Table(
    "model",
    metadata,
    key_column("model", "Key"),
    Column("name", String, nullable=False, comment="Name it was asked for by"),
    Column("architecture", String, comment="Hugging Face architecture class"),
    Column("n_layers", Integer, comment="Transformer blocks"),
    Column("d_model", Integer, comment="Width of the residual stream"),
    Column("n_heads", Integer, comment="Attention heads of a block"),
    Column("n_ctx", Integer, comment="Longest context, tokens"),
    Column("d_vocab", Integer, comment="Size of the vocabulary"),
    Column("center_writing_weights", Boolean, comment="Weights that write to the residual stream centred"),
    Column("fold_ln", Boolean, comment="LayerNorm folded into the following weights"),
    Column("center_unembed", Boolean, comment="Unembedding centred over the vocabulary"),
    Column(
        "weights_sha256",
        String,
        comment="SHA-256 of the weights as loaded, before processing; NULL: it never ran, see sae_import",
    ),
    Column("config", JSON, comment="What its config.json says that changes values; NULL where that is not known"),
    Column("config_sha256", String, comment="SHA-256 of config; another one is another model"),
    UniqueConstraint("weights_sha256", "config_sha256", "center_writing_weights", "fold_ln", "center_unembed"),
    comment="A language model, with its configuration and how its weights were processed",
)

tokenization = Table(
    "tokenization",
    metadata,
    key_column("tokenization", "Key"),
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
    unchecked_key_column("tokenization", "Tokenization it belongs to", primary_key=True),
    Column("token_id", Integer, primary_key=True, autoincrement=False, comment="Token id"),
    Column("text", String, nullable=False, comment="Text of the token; a broken character shows as U+FFFD"),
    Column("spelled", String, comment="How the export spells it that it was imported from, where not as text"),
    comment="The text of each token id",
)

sae = Table(
    "sae",
    metadata,
    key_column("sae", "Key"),
    Column("release", String, nullable=False, comment="SAELens release, or pocket, or a folder's name"),
    Column("sae_id", String, nullable=False, comment="Id within the release, mostly the hook name"),
    unchecked_key_column("model", "Model it reads"),
    unchecked_key_column("tokenization", "Windows it reads"),
    Column("hook_name", String, nullable=False, comment="TransformerLens name of the activations it reads"),
    Column("hook_layer", SmallInteger, nullable=False, comment="Block of the hook"),
    Column("architecture", String, comment="SAELens architecture: standard, jumprelu, topk, ...; NULL: imported"),
    Column("d_in", Integer, comment="Width of its input; NULL: imported"),
    Column("d_sae", Integer, nullable=False, comment="Number of features; of an imported one, as far as it was shown"),
    Column("neuronpedia_id", String, comment="Model and source at neuronpedia.org, if published there"),
    Column(
        "logit_weights",
        String,
        nullable=False,
        comment="What feature.logit_* are: plain (W_dec W_U), cosine (columns of W_U of unit length), W_O or W_out "
        "(through these weights of the hook's block), none (the hook writes nothing to the residual stream), imported "
        "(tokens and weights as an export shows them, no moments)",
    ),
    Column(
        "weights_sha256",
        String,
        comment="SHA-256 of the weights; other weights, or another model, are another SAE; NULL: see sae_import",
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
    Column(
        "trained_as",
        String,
        comment="SAELens architecture it was trained as, where its file names another than it runs as: batchtopk, ...",
    ),
    UniqueConstraint("release", "sae_id", "model", "tokenization", "weights_sha256", "config_sha256"),
    UniqueConstraint("pinned"),
    CheckConstraint(
        "logit_weights IN ('plain', 'cosine', 'W_O', 'W_out', 'none', 'imported')", name="sae_logit_weights"
    ),
    comment="A sparse autoencoder: release, id, and where it reads",
)

feature = Table(
    "feature",
    metadata,
    unchecked_key_column("sae", "SAE it belongs to"),
    Column("feature", Integer, nullable=False, autoincrement=False, comment="Zero-based index in the SAE"),
    Column("log_sparsity", REAL, comment="log10 of its density in training, as the SAE ships it"),
    Column("decoder_norm", REAL, comment="Length of its decoder row; NULL where an export does not say it"),
    Column("logit_mean", REAL, comment="Mean of its logit weights; NULL where sae.logit_weights is none or imported"),
    Column("logit_std", REAL, comment="Population standard deviation of its logit weights; NULL likewise"),
    Column("logit_skewness", REAL, comment="Skewness E[z^3] of its logit weights"),
    Column("logit_kurtosis", REAL, comment="Kurtosis E[z^4] of its logit weights (3 for a normal)"),
    Column(
        "top_logits",
        JSON,
        nullable=False,
        comment="Tokens it raises most: [[text, weight], ...]; [] without logit weights",
    ),
    Column("bottom_logits", JSON, nullable=False, comment="Tokens it lowers most: [[text, weight], ...]"),
    PrimaryKeyConstraint("sae", "feature"),
    CheckConstraint("feature >= 0", name="feature_index"),
    comment="A feature of an SAE, with the moments of its logit weights: what it adds to every token's logit",
)


sae_quality = Table(
    "sae_quality",
    metadata,
    unchecked_key_column("sae", "SAE"),
    unchecked_key_column("corpus", "Corpus"),
    foreign_key_column("ingest_run", "Run that computed it"),
    Column("documents", Integer, nullable=False, comment="Documents of the corpus that were read, from the first on"),
    Column("tokens", BigInteger, nullable=False, comment="Tokens of the corpus that were read, BOS left out"),
    Column("explained_variance", Double, comment="1 - E|x - x̂|² / E|x - x̄|²; NULL where x does not vary"),
    Column("l0", Double, nullable=False, comment="Mean number of active features a token"),
    Column("dead_share", Double, nullable=False, comment="Share of features that fire on none of the tokens"),
    Column("predicted_tokens", BigInteger, nullable=False, comment="Tokens whose cross-entropy was taken"),
    Column("ce_clean", Double, nullable=False, comment="Cross-entropy of the model as it is (nats a token)"),
    Column("ce_sae", Double, nullable=False, comment="The same with the reconstruction in its place (nats a token)"),
    Column("ce_zero", Double, nullable=False, comment="The same with zeros in its place (nats a token)"),
    Column("ce_recovered", Double, comment="(ce_zero - ce_sae) / (ce_zero - ce_clean); NULL where zeros cost nothing"),
    Column("ce_rise", Double, nullable=False, comment="ce_sae - ce_clean (nats a token)"),
    Column("ce_uniform", Double, comment="Cross-entropy of a uniform guess: the logarithm of d_vocab (nats a token)"),
    Column(
        "ce_recovered_uniform",
        Double,
        comment="(ce_uniform - ce_sae) / (ce_uniform - ce_clean); NULL where the model is no better than such a guess",
    ),
    PrimaryKeyConstraint("sae", "corpus"),
    comment="How well an SAE reconstructs a corpus, and what that costs the model's predictions",
)
