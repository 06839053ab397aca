"""Which features belong together: neighbours, co-activation, clusters with their map, the same feature elsewhere."""

from sqlalchemy import (
    JSON,
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Integer,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)

from schema.tables.base import foreign_key_column, key_column, metadata, unchecked_key_column

FEATURE = "Zero-based index in the SAE"
RUN = "Run that computed it"

feature_neighbour = Table(
    "feature_neighbour",
    metadata,
    unchecked_key_column("sae", "SAE of both features"),
    unchecked_key_column("feature", FEATURE),
    Column("rank", SmallInteger, nullable=False, comment="1 is the nearest"),
    Column("other_feature", Integer, nullable=False, comment="The neighbour's zero-based index in the same SAE"),
    Column("cosine", REAL, nullable=False, comment="Cosine of the two decoder directions"),
    comment="The ten features whose decoder directions are nearest to a feature's",
)

feature_opposite = Table(
    "feature_opposite",
    metadata,
    unchecked_key_column("sae", "SAE of both features"),
    unchecked_key_column("feature", FEATURE),
    Column("rank", SmallInteger, nullable=False, comment="1 is the most opposite"),
    Column("other_feature", Integer, nullable=False, comment="The other's zero-based index in the same SAE"),
    Column("cosine", REAL, nullable=False, comment="Cosine of the two decoder directions, the most negative first"),
    comment="The three features whose decoder directions are most opposite to a feature's",
)

sae_coactivation = Table(
    "sae_coactivation",
    metadata,
    unchecked_key_column("sae", "SAE", primary_key=True),
    foreign_key_column("ingest_run", RUN),
    Column("tokens", BigInteger, nullable=False, comment="Tokens counted, BOS left out; other than now: out of date"),
    Column("features", Integer, nullable=False, comment="Features that fire on any of them"),
    Column("coverage_hash", String, nullable=False, comment="Hash of the texts counted: what makes a rerun free"),
    comment="On how many tokens the rows of feature_coactivation were counted",
)

feature_coactivation = Table(
    "feature_coactivation",
    metadata,
    unchecked_key_column("sae", "SAE of both features"),
    unchecked_key_column("feature", FEATURE),
    Column("rank", SmallInteger, nullable=False, comment="1 has the largest overlap"),
    Column("other_feature", Integer, nullable=False, comment="The other's zero-based index in the same SAE"),
    Column("tokens_both", BigInteger, nullable=False, comment="Tokens on which both fire, 2 or more"),
    Column("jaccard", Double, nullable=False, comment="Overlap: tokens_both over the tokens on which either fires"),
    Column(
        "lift", Double, nullable=False, comment="tokens_both over what it would be if each fired by itself; log2 is PMI"
    ),
    comment="The ten features that share most of the tokens on which a feature fires",
)

clustering = Table(
    "clustering",
    metadata,
    key_column("clustering", "Key"),
    unchecked_key_column("sae", "SAE of the features"),
    foreign_key_column("ingest_run", RUN),
    Column(
        "measure",
        String,
        nullable=False,
        comment="What is alike in a cluster: decoder (cosine of directions), jaccard or pmi (firing on one token)",
    ),
    Column("features", Integer, nullable=False, comment="Features clustered: those with a direction, or with company"),
    Column("clusters", Integer, nullable=False, comment="Number of clusters"),
    Column(
        "criterion",
        String,
        nullable=False,
        comment="How it was chosen: silhouette (the largest of clustering_choice), or asked for",
    ),
    Column("silhouette", Double, nullable=False, comment="Mean silhouette under 1 - cosine, -1 to 1"),
    Column(
        "silhouette_shuffled",
        Double,
        nullable=False,
        comment="The same where each coordinate is shuffled over the features: what chance gives",
    ),
    Column("seed", Integer, nullable=False, comment="First seed of K-means; the best fit of all seeds is stored"),
    Column("seeds", Integer, nullable=False, comment="Seeds run, each the next one"),
    Column("rand_mean", Double, nullable=False, comment="Mean adjusted Rand index of each two seeds: 1 the same"),
    Column("rand_least", Double, nullable=False, comment="The least of them"),
    Column("map_method", String, comment="How x and y were found; NULL: too few features for a map"),
    Column("map_parameters", JSON, comment="Its parameters, the seed among them"),
    Column("trustworthiness", Double, comment="How far neighbours on the map are neighbours in truth: 1 all"),
    Column("trustworthiness_neighbours", Integer, comment="Of so many neighbours"),
    Column("inputs_hash", String, nullable=False, comment="Hash of what it was computed from: makes a rerun free"),
    UniqueConstraint("sae", "measure"),
    CheckConstraint("measure IN ('decoder', 'jaccard', 'pmi')", name="clustering_measure"),
    CheckConstraint("criterion IN ('silhouette', 'asked')", name="clustering_criterion"),
    comment="K-means over the features of an SAE, how its number of clusters was chosen, how stable it is, its map",
)

clustering_choice = Table(
    "clustering_choice",
    metadata,
    unchecked_key_column("clustering", "Clustering", primary_key=True),
    Column("clusters", Integer, primary_key=True, autoincrement=False, comment="Number of clusters tried"),
    Column("silhouette", Double, nullable=False, comment="Mean silhouette of a run with so many"),
    comment="The numbers of clusters that were tried; the largest silhouette is chosen",
)

cluster = Table(
    "cluster",
    metadata,
    unchecked_key_column("clustering", "Clustering", primary_key=True),
    Column("cluster", Integer, primary_key=True, autoincrement=False, comment="0 is the largest"),
    Column("features", Integer, nullable=False, comment="Features in it"),
    Column("silhouette", Double, nullable=False, comment="Mean silhouette of its features"),
    Column(
        "stability",
        Double,
        nullable=False,
        comment="Overlap (Jaccard) with the most like cluster of each other seed, on average: 1 is always found",
    ),
    Column("x", Double, comment="Middle of its features on the map (median)"),
    Column("y", Double, comment="The same"),
    comment="A cluster of features",
)

cluster_token = Table(
    "cluster_token",
    metadata,
    unchecked_key_column("clustering", "Clustering", primary_key=True),
    Column("cluster", Integer, primary_key=True, autoincrement=False, comment="Cluster"),
    Column("rank", SmallInteger, primary_key=True, autoincrement=False, comment="1 is the most particular"),
    Column("token_id", Integer, nullable=False, comment="Token id, in the vocabulary of the SAE's tokenization"),
    Column("share", Double, nullable=False, comment="Its share of the votes of the cluster's features"),
    Column("weight", Double, nullable=False, comment="Share times log(1 + votes of a cluster / votes of the token)"),
    comment="The tokens that name a cluster: each feature shares one vote among its top tokens, by activation",
)

feature_cluster = Table(
    "feature_cluster",
    metadata,
    unchecked_key_column("clustering", "Clustering", primary_key=True),
    unchecked_key_column("sae", "SAE of the feature"),
    Column("feature", Integer, primary_key=True, autoincrement=False, comment=FEATURE),
    Column("cluster", Integer, nullable=False, comment="Its cluster"),
    Column("silhouette", REAL, nullable=False, comment="Its silhouette under 1 - cosine; below 0: nearer to another"),
    Column("x", REAL, comment="Its place on the map, at most 1 from the middle"),
    Column("y", REAL, comment="The same"),
    comment="Which cluster a feature is in, and where it lies on the map",
)

cluster_contrast = Table(
    "cluster_contrast",
    metadata,
    unchecked_key_column("contrast", "Contrast", primary_key=True),
    unchecked_key_column("sae", "SAE of the features"),
    unchecked_key_column("clustering", "Clustering", primary_key=True),
    Column("cluster", Integer, primary_key=True, autoincrement=False, comment="Cluster"),
    Column("tested", Integer, nullable=False, comment="Its features that the contrast tests"),
    Column("called", Integer, nullable=False, comment="Those with q of at most 0.05 that favour the positive side"),
    Column("auroc", Double, nullable=False, comment="AUROC of how many of its features fire in a document"),
    Column("p", Double, nullable=False, comment="Rank-sum p of that number, as feature_contrast.p"),
    Column("q", Double, comment="q of p over the clusters, as feature_contrast.q; NULL if it fires in fewer than 5"),
    comment="What a contrast says of a cluster: how many of its features it calls, and of the cluster as one; goes "
    "with the contrast's figures and comes back with the next clustering",
)

sae_match = Table(
    "sae_match",
    metadata,
    unchecked_key_column("sae", "SAE whose features are looked for", primary_key=True),
    Column("other_sae", SmallInteger, primary_key=True, autoincrement=False, comment="SAE in which they are found"),
    foreign_key_column("ingest_run", RUN),
    Column("tokens", BigInteger, nullable=False, comment="Tokens that both have encoded; 0: decoders alone"),
    Column("least_cosine", Double, nullable=False, comment="Cosine from which features count as parts of one"),
    Column("least_correlation", Double, nullable=False, comment="Correlation from which they do"),
    Column("chance_cosine", Double, comment="95th percentile of the best cosines where directions are random"),
    Column("chance_correlation", Double, comment="95th percentile of the best correlations with shifted tokens"),
    Column("inputs_hash", String, nullable=False, comment="Hash of what was compared: what makes a rerun free"),
    comment="How the features of one SAE were looked for in another of the same model",
)

feature_match = Table(
    "feature_match",
    metadata,
    unchecked_key_column("sae", "SAE of the feature"),
    unchecked_key_column("feature", FEATURE),
    Column("other_sae", SmallInteger, nullable=False, comment="Another SAE of the same model"),
    Column("measure", String, nullable=False, comment="What ranks the matches: cosine or correlation"),
    Column("rank", SmallInteger, nullable=False, comment="1 is the most alike"),
    Column("other_feature", Integer, nullable=False, comment="The match's zero-based index in the other SAE"),
    Column("cosine", Double, comment="Cosine of the decoder directions; NULL where widths differ or one is 0"),
    Column("correlation", Double, comment="Correlation of activations on the same tokens; NULL where one never varies"),
    Column("mutual", Boolean, nullable=False, comment="Each is the other's best by this measure"),
    Column(
        "siblings",
        Integer,
        nullable=False,
        comment="Features here, itself counted, with this best match, all alike enough; 2 or more: it is split here",
    ),
    CheckConstraint("measure IN ('cosine', 'correlation')", name="feature_match_measure"),
    comment="The same feature elsewhere: the three most alike features of another SAE, by each measure",
)
