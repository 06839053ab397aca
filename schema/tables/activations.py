"""Activations per token, and the sums that follow from them."""

from sqlalchemy import (
    REAL,
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

from schema.tables.base import foreign_key_column, metadata, unchecked_key_column

SAE = "SAE of the feature"
FEATURE = "Zero-based index in the SAE"

activation = Table(
    "activation",
    metadata,
    unchecked_key_column("sae", SAE),
    unchecked_key_column("feature", FEATURE),
    unchecked_key_column("context", "Window"),
    Column("position", SmallInteger, nullable=False, comment="Position in the window, BOS being 0"),
    Column("activation", REAL, nullable=False, comment="Activation, above 0"),
    comment="Every activation above 0 on a token that is not BOS",
)

bos_activation = Table(
    "bos_activation",
    metadata,
    unchecked_key_column("sae", SAE),
    Column("feature", Integer, nullable=False, autoincrement=False, comment=FEATURE),
    Column("activation", REAL, nullable=False, comment="Activation on BOS at position 0, above 0"),
    PrimaryKeyConstraint("sae", "feature"),
    comment="Activations on BOS at position 0, which never vary",
)

coverage = Table(
    "coverage",
    metadata,
    unchecked_key_column("sae", "SAE"),
    unchecked_key_column("document", "Document it has encoded"),
    foreign_key_column("ingest_run", "Run that did it"),
    Column("tokens", Integer, nullable=False, comment="Tokens encoded, BOS left out"),
    Column("contexts", Integer, nullable=False, comment="Windows encoded"),
    Column("summed", Boolean, nullable=False, comment="Its activations are in the sums below"),
    PrimaryKeyConstraint("sae", "document"),
    comment="Which SAE has encoded which document: what makes a rerun free and a crash harmless",
)

feature_document = Table(
    "feature_document",
    metadata,
    unchecked_key_column("sae", SAE),
    unchecked_key_column("feature", FEATURE),
    unchecked_key_column("document", "Document"),
    Column("max_activation", REAL, nullable=False, comment="Maximum over the document's tokens"),
    Column("sum_activation", Double, nullable=False, comment="Sum over the document's tokens"),
    Column("active_tokens", Integer, nullable=False, comment="Tokens it fires on"),
    Column("window_max", REAL, nullable=False, comment="Maximum over the one window chosen by hash; 0 if silent there"),
    comment="A feature on a document, where it fires at all",
)

sae_corpus = Table(
    "sae_corpus",
    metadata,
    unchecked_key_column("sae", "SAE"),
    unchecked_key_column("corpus", "Corpus"),
    Column("documents", Integer, nullable=False, comment="Documents summed"),
    Column("contexts", Integer, nullable=False, comment="Windows summed"),
    Column("tokens", BigInteger, nullable=False, comment="Tokens summed, BOS left out"),
    Column("activations", BigInteger, nullable=False, comment="Activations above 0; over tokens it is L0"),
    PrimaryKeyConstraint("sae", "corpus"),
    comment="How much of a corpus an SAE's sums hold: the denominators of feature_corpus",
)

feature_corpus = Table(
    "feature_corpus",
    metadata,
    unchecked_key_column("sae", SAE),
    unchecked_key_column("corpus", "Corpus"),
    Column("feature", Integer, nullable=False, autoincrement=False, comment=FEATURE),
    Column("documents", Integer, nullable=False, comment="Documents it fires in"),
    Column("active_tokens", BigInteger, nullable=False, comment="Tokens it fires on"),
    Column("max_activation", REAL, nullable=False, comment="Maximum"),
    Column("mean_active", Double, nullable=False, comment="Mean over the tokens it fires on"),
    Column("m2_active", Double, nullable=False, comment="Sum of squared deviations from mean_active over these tokens"),
    Column("m3_active", Double, nullable=False, comment="Sum of the deviations' cubes"),
    Column("m4_active", Double, nullable=False, comment="Sum of the deviations' fourth powers"),
    Column("density", Double, comment="Share of tokens it fires on"),
    Column("mean", Double, comment="Mean over all tokens, zeros included"),
    Column("std", Double, comment="Population standard deviation over all tokens"),
    Column("skewness", Double, comment="Skewness over all tokens; NULL where it does not vary"),
    Column("kurtosis", Double, comment="Kurtosis over all tokens (3 for a normal); NULL where it does not vary"),
    Column("std_active", Double, comment="Population standard deviation over the tokens it fires on"),
    PrimaryKeyConstraint("sae", "corpus", "feature"),
    comment="A feature on a corpus, where it fires at all: centred sums, and the moments that follow",
)

feature_histogram = Table(
    "feature_histogram",
    metadata,
    unchecked_key_column("sae", SAE),
    unchecked_key_column("corpus", "Corpus"),
    unchecked_key_column("feature", FEATURE),
    Column("bin", SmallInteger, nullable=False, comment="floor(8 log2 activation)"),
    Column("tokens", BigInteger, nullable=False, comment="Tokens in the bin"),
    comment="Histogram of a feature's activations, eight bins to the octave",
)

feature_token = Table(
    "feature_token",
    metadata,
    unchecked_key_column("sae", SAE),
    unchecked_key_column("corpus", "Corpus"),
    unchecked_key_column("feature", FEATURE),
    Column("token_id", Integer, nullable=False, comment="Token id, in the vocabulary of the SAE's tokenization"),
    Column("active_tokens", BigInteger, nullable=False, comment="Times it fires on the token"),
    Column("sum_activation", Double, nullable=False, comment="Sum of its activations on the token"),
    comment="Which tokens a feature fires on",
)

feature_top_token = Table(
    "feature_top_token",
    metadata,
    unchecked_key_column("sae", SAE),
    unchecked_key_column("feature", FEATURE),
    Column(
        "rank", SmallInteger, nullable=False, comment="1 is the token it fires on most often, in all corpora together"
    ),
    Column("token_id", Integer, nullable=False, comment="Token id, in the vocabulary of the SAE's tokenization"),
    Column("active_tokens", BigInteger, nullable=False, comment="Times it fires on the token"),
    Column(
        "sum_activation", Double, nullable=False, comment="Sum of its activations on the token; the larger is first"
    ),
    comment="A feature's top tokens: the ten it fires on most, over all corpora",
)

feature_example = Table(
    "feature_example",
    metadata,
    unchecked_key_column("sae", SAE),
    unchecked_key_column("corpus", "Corpus"),
    unchecked_key_column("feature", FEATURE),
    Column(
        "sampling",
        String,
        nullable=False,
        comment="top: largest maxima; octave: smallest content hash among windows whose maximum is in the octave",
    ),
    Column("octave", SmallInteger, nullable=False, comment="floor(log2 of the window's maximum)"),
    Column("rank", SmallInteger, nullable=False, comment="1 is first, within the sampling (and octave)"),
    unchecked_key_column("context", "Window"),
    Column("position", SmallInteger, nullable=False, comment="Position of the maximum"),
    Column("activation", REAL, nullable=False, comment="The maximum"),
    CheckConstraint("sampling IN ('top', 'octave')", name="feature_example_sampling"),
    comment="Windows that show a feature, with how they were sampled",
)
