"""How far an SAE can be trusted on a corpus."""

from sqlalchemy import BigInteger, Column, Double, Integer, PrimaryKeyConstraint, Table

from schema.tables.base import metadata, pointer, reference

sae_quality = Table(
    "sae_quality",
    metadata,
    pointer("sae", "SAE"),
    pointer("corpus", "Corpus"),
    reference("ingest_run", "Run that computed it"),
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
