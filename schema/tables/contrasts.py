"""Contrasts: positive sets of documents against control sets."""

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

from schema.tables.base import key, metadata, pointer


def _interval(name: str, unknown: str = "") -> tuple[Column[float], Column[float]]:
    low = Column(f"{name}_low", Double, comment=f"Lower end of the interval of {name}")
    return low, Column(f"{name}_high", Double, comment=f"Upper end{unknown}")


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
        comment="What is compared of a document, its text or one window chosen by hash: the maximum over its tokens",
    ),
    CheckConstraint("unit IN ('document', 'window')", name="contrast_unit"),
    comment="A question: which features fire on these documents and not on those",
)

sae_contrast = Table(
    "sae_contrast",
    metadata,
    pointer("contrast", "Contrast"),
    pointer("sae", "SAE"),
    Column("documents_positive", Integer, nullable=False, comment="Positive documents"),
    Column("documents_control", Integer, nullable=False, comment="Control documents"),
    Column(
        "features_tested",
        Integer,
        nullable=False,
        comment="Features that fire in at least 5 documents: what q corrects for",
    ),
    Column("discovery_positive", Integer, nullable=False, comment="Positive documents of the discovery half"),
    Column("discovery_control", Integer, nullable=False, comment="Control documents of the discovery half"),
    Column("pairs", Integer, nullable=False, comment="Templates with documents on both sides"),
    Column("terms", Integer, nullable=False, comment="Distinct terms that the positive documents name"),
    Column("fms_root", Integer, comment="Feature at the root of the Gini tree, zero-based; NULL without FMS"),
    Column("fms_accuracy", Double, comment="acc_0: accuracy of the root alone, on the confirmation half"),
    Column("fms_local_1", Double, comment="2 (acc_0 - acc_1): what is lost without the root"),
    Column("fms_local_5", Double, comment="2 (acc_0 - acc_5): what is lost without the 5 best features"),
    Column("fms_global", Double, comment="1 - mean of acc_cum_i - acc_0 over the i = 1 .. 10 best features together"),
    Column("fms_1", Double, comment="FMS@1 = acc_0 (local@1 + global) / 2"),
    Column("fms_5", Double, comment="FMS@5 = acc_0 (local@5 + global) / 2"),
    Column("documents_hash", String, nullable=False, comment="Hash of the documents compared: what makes a rerun free"),
    Column("groups_positive", Integer, comment="Groups that the positive documents are of; NULL: to be computed again"),
    Column("groups_control", Integer, comment="Groups that the control documents are of"),
    Column("length_positive_q1", Double, comment="Tokens of what is compared of a positive document, lower quartile"),
    Column("length_positive_median", Double, comment="The same, median"),
    Column("length_positive_q3", Double, comment="The same, upper quartile"),
    Column("length_control_q1", Double, comment="Tokens of what is compared of a control document, lower quartile"),
    Column("length_control_median", Double, comment="The same, median"),
    Column("length_control_q3", Double, comment="The same, upper quartile"),
    Column("length_p", Double, comment="Two-sided rank-sum p that both sides are of like length"),
    Column("fms_chance", Double, comment="Accuracy of calling every confirmation document the larger side's"),
    Column("fms_accuracy_low", Double, comment="Lower end of its interval at level 0.95, bootstrap over groups"),
    Column("fms_accuracy_high", Double, comment="Upper end"),
    Column("fms_1_low", Double, comment="Lower end of the interval of FMS@1, the trees held fixed"),
    Column("fms_1_high", Double, comment="Upper end"),
    Column("fms_5_low", Double, comment="Lower end of the interval of FMS@5, the trees held fixed"),
    Column("fms_5_high", Double, comment="Upper end"),
    Column("set_size", Integer, comment="Features that together tell the sides apart; NULL: too few groups to choose"),
    Column("set_bias", Double, comment="What is added to the sum of weight x score of the set; above 0 is positive"),
    Column("set_auroc", Double, comment="AUROC of that sum on the confirmation half; NULL for an empty set"),
    Column("set_auroc_low", Double, comment="Lower end of its interval at level 0.95, bootstrap over groups"),
    Column("set_auroc_high", Double, comment="Upper end"),
    Column("set_accuracy", Double, comment="Share of the confirmation documents that it calls rightly"),
    Column("set_accuracy_low", Double, comment="Lower end of its interval"),
    Column("set_accuracy_high", Double, comment="Upper end"),
    Column("set_f1", Double, comment="F1 of its calls on the confirmation half"),
    Column("set_f1_low", Double, comment="Lower end of its interval"),
    Column("set_f1_high", Double, comment="Upper end"),
    PrimaryKeyConstraint("contrast", "sae"),
    comment="A contrast computed for an SAE: how much it compared, and its feature monosemanticity score (FMS)",
)

contrast_document = Table(
    "contrast_document",
    metadata,
    pointer("contrast", "Contrast"),
    pointer("sae", "SAE"),
    pointer("document", "Document compared; a text in several corpora of a side is compared once"),
    Column("positive", Boolean, nullable=False, comment="Its side"),
    Column(
        "split",
        String,
        nullable=False,
        comment="discovery or confirmation: by hash of its group, each side's groups halved",
    ),
    Column("tokens", Integer, nullable=False, comment="Tokens of what is compared of it: the text, or a window"),
    PrimaryKeyConstraint("contrast", "sae", "document"),
    CheckConstraint("split IN ('discovery', 'confirmation')", name="contrast_document_split"),
    comment="A document that a contrast compares: its side and its half; pieces of one group are in one half",
)

feature_contrast = Table(
    "feature_contrast",
    metadata,
    pointer("contrast", "Contrast"),
    pointer("sae", "SAE of the feature"),
    Column("feature", Integer, nullable=False, autoincrement=False, comment="Zero-based index in the SAE"),
    Column(
        "fires_positive",
        Integer,
        nullable=False,
        comment="Positive documents it fires in, in what contrast.unit compares",
    ),
    Column(
        "fires_control",
        Integer,
        nullable=False,
        comment="The same, control documents",
    ),
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
    Column(
        "p",
        Double,
        nullable=False,
        comment="Rank-sum p: share of all exchanges of labels between groups with a rank sum as far from its mean; "
        "exact where 10 fire or fewer or a side has 8 or fewer, else exact in how many fire, normal given that",
    ),
    Column(
        "q",
        Double,
        comment="Benjamini-Hochberg q of p over the tested features, raised to the share of shuffles in which any "
        "feature has as small a q; NULL if not tested, or computed by an older version and to be computed again",
    ),
    Column(
        "fisher_p",
        Double,
        nullable=False,
        comment="Two-sided p of Fisher's exact test on fires / does not fire, documents taken as independent; "
        "describes, nothing is called by it",
    ),
    Column(
        "auroc_length",
        Double,
        comment="AUROC within fifths of like length, weighted as by van Elteren; NULL where none has both sides",
    ),
    Column("p_length", Double, comment="The same as p with exchanges of labels within fifths of like length only"),
    Column(
        "family_p",
        Double,
        comment="Chance that any feature does as well under shuffled labels: Westfall-Young step-down of the smallest "
        "p; NULL if not tested or without shuffles",
    ),
    PrimaryKeyConstraint("contrast", "sae", "feature"),
    comment="A feature in a contrast, where it fires at all",
)

feature_confirmation = Table(
    "feature_confirmation",
    metadata,
    pointer("contrast", "Contrast"),
    pointer("sae", "SAE of the feature"),
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
        comment="Its place among the candidates, by discovery: AUROC of at least 0.65 by word_lift_low, then by AUROC",
    ),
    PrimaryKeyConstraint("contrast", "sae", "feature"),
    comment="A feature in a contrast, chosen on one half of the documents and judged on the other; "
    "NULL where a half has fewer than 5 groups of a side",
)

feature_pair = Table(
    "feature_pair",
    metadata,
    pointer("contrast", "Contrast"),
    pointer("sae", "SAE of the feature"),
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
    pointer("contrast", "Contrast"),
    pointer("sae", "SAE of the feature"),
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
    pointer("contrast", "Contrast"),
    pointer("sae", "SAE of the feature"),
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
    pointer("contrast", "Contrast"),
    pointer("sae", "SAE of the feature"),
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

contrast_set = Table(
    "contrast_set",
    metadata,
    pointer("contrast", "Contrast"),
    pointer("sae", "SAE of the feature"),
    Column("rank", SmallInteger, nullable=False, autoincrement=False, comment="1 has the largest standardised weight"),
    Column("feature", Integer, nullable=False, comment="Zero-based index in the SAE"),
    Column("weight", Double, nullable=False, comment="Weight of its score, fitted on the discovery half"),
    Column("weight_standard", Double, nullable=False, comment="The same times the standard deviation of its score"),
    Column("entered", SmallInteger, nullable=False, comment="Order of entry as the penalty falls, 1 the first"),
    Column(
        "copies",
        SmallInteger,
        nullable=False,
        comment="Other features that it stands for: their scores correlate with its own beyond 0.9 on discovery",
    ),
    PrimaryKeyConstraint("contrast", "sae", "rank"),
    comment="A small set of features that together tell the sides apart: L1-penalised logistic regression on discovery",
)

contrast_null = Table(
    "contrast_null",
    metadata,
    pointer("contrast", "Contrast"),
    pointer("sae", "SAE"),
    Column("shuffle", Integer, nullable=False, autoincrement=False, comment="Number of the shuffle, from 1"),
    Column("seed", Integer, nullable=False, comment="Seed of the shuffles; with the number it gives the labels"),
    Column("min_p", Double, nullable=False, comment="Smallest p over the tested features"),
    Column("max_auroc", Double, nullable=False, comment="Largest AUROC over the tested features"),
    Column("discoveries", Integer, nullable=False, comment="Features called at q <= 0.05"),
    Column("min_q", Double, comment="Smallest Benjamini-Hochberg q over them; NULL from an older version"),
    PrimaryKeyConstraint("contrast", "sae", "shuffle"),
    comment="A contrast under shuffled labels: what it finds where there is nothing to find",
)

contrast_correlation = Table(
    "contrast_correlation",
    metadata,
    pointer("contrast", "Contrast"),
    pointer("sae", "SAE"),
    Column("moment", String, nullable=False, comment="Column of feature: logit_std, logit_skewness or logit_kurtosis"),
    Column("evidence", String, nullable=False, comment="Column of feature_evidence or feature_confirmation"),
    Column("features", Integer, nullable=False, comment="Tested features for which both are known"),
    Column("rho", Double, comment="Spearman's rank correlation"),
    Column("low", Double, comment="Lower end of its interval at level 0.95 (Bonett and Wright 2000)"),
    Column("high", Double, comment="Upper end"),
    Column("rho_given_frequency", Double, comment="The same with the number of active tokens held fixed"),
    PrimaryKeyConstraint("contrast", "sae", "moment", "evidence"),
    comment="Whether the moments of logit weights go with evidence of one meaning: the study's hypothesis",
)
