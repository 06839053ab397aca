"""What is held for and against a feature that tells sides apart: the other half, pairs, domains, tokens."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
)

from schema.tables.base import metadata, unchecked_key_column


def _interval(name: str, unknown: str = "") -> tuple[Column[float], Column[float]]:
    low = Column(f"{name}_low", Double, comment=f"Lower end of the interval of {name}")
    return low, Column(f"{name}_high", Double, comment=f"Upper end{unknown}")


feature_confirmation = Table(
    "feature_confirmation",
    metadata,
    unchecked_key_column("contrast", "Contrast"),
    unchecked_key_column("sae", "SAE of the feature"),
    Column("feature", Integer, nullable=False, autoincrement=False, comment="Zero-based index in the SAE"),
    Column("auroc_discovery", Double, comment="AUROC on the discovery half"),
    Column(
        "threshold", Double, comment="Score at or above which it calls a document: largest F1 on the discovery half"
    ),
    Column("f1_discovery", Double, comment="F1 at the threshold on the half that chose it: too good by nature"),
    Column("auroc", Double, comment="AUROC on the confirmation half"),
    Column("auroc_low", Double, comment="Lower end of its interval at level 0.95, bootstrap over groups"),
    Column("auroc_high", Double, comment="Upper end of the interval; NULL if it fires in fewer than 5 groups"),
    Column("precision", Double, comment="Share of the documents called that are positive; NULL if none is called"),
    Column("recall", Double, comment="Share of the positive documents that are called"),
    Column("f1", Double, comment="Harmonic mean of precision and recall"),
    Column("probe_weight", Double, comment="Logistic regression on its mean activation, fitted on the discovery half"),
    Column("probe_bias", Double, comment="Its bias; it calls a document where weight x mean + bias > 0"),
    Column("probe_accuracy", Double, comment="Share of documents that the probe calls rightly"),
    Column("probe_f1", Double, comment="F1 of the probe"),
    Column("fires_discovery", Integer, comment="Documents of the discovery half it fires in, as in feature_contrast"),
    Column("p_discovery", Double, comment="p as in feature_contrast, over the discovery half alone"),
    Column("q_discovery", Double, comment="q of p_discovery, over features that fire in 5 documents of that half"),
    Column("study_positive_discovery", Double, comment="study_positive over the discovery half alone"),
    Column("study_control_discovery", Double, comment="study_control over the discovery half alone"),
    Column("study_kept_discovery", Boolean, comment="Whether the study's filter keeps it on the discovery half alone"),
    Column(
        "place_discovery",
        Integer,
        comment="Its place among the candidates: auroc_discovery of at least 0.65 by word_lift_low of that half, then "
        "the rest by auroc_discovery, ties by p; by AUROC over all documents where the half has fewer than 5 groups",
    ),
    PrimaryKeyConstraint("contrast", "sae", "feature"),
    comment="A feature in a contrast, chosen on one half of the groups and judged on the other; "
    "NULL, fires_discovery and place_discovery apart, where a half has fewer than 5 groups of a side",
)

feature_pair = Table(
    "feature_pair",
    metadata,
    unchecked_key_column("contrast", "Contrast"),
    unchecked_key_column("sae", "SAE of the feature"),
    Column("feature", Integer, nullable=False, autoincrement=False, comment="Zero-based index in the SAE"),
    Column("higher", Integer, nullable=False, comment="Pairs whose positive side scores higher"),
    Column("lower", Integer, nullable=False, comment="Pairs whose control side scores higher"),
    Column(
        "share_higher",
        Double,
        nullable=False,
        comment="Chance that a positive document outranks its own matched control; ties count half",
    ),
    Column("p", Double, nullable=False, comment="Wilcoxon signed-rank p, two-sided: exact up to 50 differences"),
    Column(
        "q",
        Double,
        comment="Benjamini-Hochberg q over features with 5 differences or more; NULL if fewer, or to be computed again",
    ),
    PrimaryKeyConstraint("contrast", "sae", "feature"),
    comment="A feature on matched pairs: documents of both sides that share a template",
)

feature_domain = Table(
    "feature_domain",
    metadata,
    unchecked_key_column("contrast", "Contrast"),
    unchecked_key_column("sae", "SAE of the feature"),
    Column("feature", Integer, nullable=False, autoincrement=False, comment="Zero-based index in the SAE"),
    Column("domain", String, nullable=False, comment="Domain of control documents"),
    Column("documents", Integer, nullable=False, comment="Control documents of the domain"),
    Column("fires", Integer, nullable=False, comment="Those it fires in, as in feature_contrast"),
    Column("auroc", Double, nullable=False, comment="AUROC of the positive documents against this domain alone"),
    Column("documents_confirmation", Integer, nullable=False, comment="Those of the confirmation half"),
    Column("called", Integer, comment="Those of the confirmation half at or above the threshold; NULL without one"),
    PrimaryKeyConstraint("contrast", "sae", "feature", "domain"),
    comment="A tested feature against each control domain: specificity is 1 - called / documents_confirmation",
)

feature_evidence = Table(
    "feature_evidence",
    metadata,
    unchecked_key_column("contrast", "Contrast"),
    unchecked_key_column("sae", "SAE of the feature"),
    Column("feature", Integer, nullable=False, autoincrement=False, comment="Zero-based index in the SAE"),
    Column("active_tokens", BigInteger, nullable=False, comment="Tokens it fires on in the corpora of the contrast"),
    Column("top_token", Integer, nullable=False, comment="Token id it fires on most often there"),
    Column("top_token_share", Double, nullable=False, comment="Share of its active tokens that are the top token"),
    Column("token_entropy", Double, nullable=False, comment="Entropy of its active tokens over token ids, bits"),
    Column("document_entropy", Double, nullable=False, comment="Entropy of its active tokens over documents, bits"),
    Column("terms", Integer, nullable=False, comment="Terms on which it fires, on a token that overlaps the term"),
    Column("term_coverage", Double, comment="terms over all distinct terms of the positive documents; NULL without"),
    Column(
        "types",
        Integer,
        comment="Different tokens it fires on in the documents compared; NULL where AUROC is below 0.6",
    ),
    Column("type_share", Double, comment="types over its active tokens there: falls as the texts grow"),
    Column("type_share_low", Double, comment="Lower end of its interval at level 0.95, jackknife over groups"),
    Column("type_share_high", Double, comment="Upper end; NULL if it fires in fewer than 5 groups"),
    PrimaryKeyConstraint("contrast", "sae", "feature"),
    comment="How concentrated a feature is: one token, a few documents, or all the terms of the concept",
)

feature_lift = Table(
    "feature_lift",
    metadata,
    unchecked_key_column("contrast", "Contrast"),
    unchecked_key_column("sae", "SAE of the feature"),
    Column("feature", Integer, nullable=False, autoincrement=False, comment="Zero-based index in the SAE"),
    Column("part", String, nullable=False, comment="Documents: discovery (what chooses), confirmation, or all"),
    Column("density_positive", Double, comment="Share of the positive documents' tokens on which it fires"),
    *_interval("density_positive"),
    Column("density_control", Double, comment="The same of the control documents' tokens"),
    *_interval("density_control"),
    Column("lift", Double, comment="density_positive / density_control; NULL where it is silent on control tokens"),
    *_interval("lift", "; NULL where nothing bounds it"),
    Column(
        "word_lift",
        Double,
        comment="The lift that follows from which words it fires on, were it to fire on each as often on both sides",
    ),
    *_interval("word_lift"),
    Column("mass_lift", Double, comment="Mean activation of a positive token over that of a control token"),
    *_interval("mass_lift"),
    Column("mass_share", Double, comment="Share of the sum of its activations that is on positive documents"),
    *_interval("mass_share"),
    PrimaryKeyConstraint("contrast", "sae", "feature", "part"),
    CheckConstraint("part IN ('all', 'discovery', 'confirmation')", name="feature_lift_part"),
    comment="A tested feature on the tokens of both sides; intervals by group at level 0.95, NULL for fewer than 5",
)
