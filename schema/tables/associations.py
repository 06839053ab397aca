"""Associations: what features have to do with a number of each document, or with the one of several classes."""

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

from schema.tables.base import key_column, metadata, unchecked_key_column

association = Table(
    "association",
    metadata,
    key_column("association", "Key"),
    Column("name", String, nullable=False, unique=True, comment="Name it is asked for by; no contrast bears it too"),
    Column("kind", String, nullable=False, comment="target: a number of each document; classes: one of several"),
    Column("field", String, comment="Field of the documents that gives the number; NULL for classes"),
    Column(
        "sets",
        JSON,
        nullable=False,
        comment="The classes, or whose documents are asked of, spelled as in contrast; [] for all that have the field",
    ),
    Column("unit", String, nullable=False, comment="What is compared of a document, as in contrast"),
    CheckConstraint("unit IN ('document', 'window')", name="association_unit"),
    CheckConstraint(
        "kind IN ('target', 'classes') AND (kind = 'target') = (field IS NOT NULL)", name="association_kind"
    ),
    comment="A question beyond two sides: which features go with a number of the documents, or differ between classes",
)

sae_association = Table(
    "sae_association",
    metadata,
    unchecked_key_column("association", "Association"),
    unchecked_key_column("sae", "SAE"),
    Column("documents_compared", Integer, nullable=False, comment="Documents compared"),
    Column("groups_compared", Integer, nullable=False, comment="Groups that they are of"),
    Column(
        "groups_mixed",
        Integer,
        nullable=False,
        comment="Groups whose documents differ in the number or class: they exchange it among themselves only",
    ),
    Column("groups_discovery", Integer, nullable=False, comment="Groups of the discovery half; of the smallest class"),
    Column("groups_confirmation", Integer, nullable=False, comment="The same of the confirmation half"),
    Column("documents_without", Integer, nullable=False, comment="Documents of the sets left out: they lack the field"),
    Column("features_tested", Integer, nullable=False, comment="Features that fire in at least 5 documents"),
    Column(
        "length_effect",
        Double,
        nullable=False,
        comment="What goes with the tokens compared: Spearman's rho of a target, epsilon squared of classes",
    ),
    Column("length_p", Double, nullable=False, comment="p that length has nothing to do with it, by the same shuffles"),
    Column(
        "documents_hash", String, nullable=False, comment="Hash of the documents compared; empty: to be computed again"
    ),
    PrimaryKeyConstraint("association", "sae"),
    comment="An association computed for an SAE: how much it compared",
)

association_document = Table(
    "association_document",
    metadata,
    unchecked_key_column("association", "Association"),
    unchecked_key_column("sae", "SAE"),
    unchecked_key_column("document", "Document compared; a text in several corpora is compared once"),
    Column("value", Double, comment="Its number; NULL for classes"),
    Column("class", SmallInteger, comment="Its class: a place in association.sets, from 0; NULL for a target"),
    Column(
        "split",
        String,
        nullable=False,
        comment="discovery or confirmation: by hash of its group, classes halved evenly",
    ),
    Column("tokens", Integer, nullable=False, comment="Tokens of what is compared of it: the text, or a window"),
    PrimaryKeyConstraint("association", "sae", "document"),
    CheckConstraint("split IN ('discovery', 'confirmation')", name="association_document_split"),
    comment="A document that an association compares, what it bears, and its half",
)

feature_target = Table(
    "feature_target",
    metadata,
    unchecked_key_column("association", "Association"),
    unchecked_key_column("sae", "SAE of the feature"),
    Column("feature", Integer, nullable=False, autoincrement=False, comment="Zero-based index in the SAE"),
    Column("fires", Integer, nullable=False, comment="Documents it fires in, in what association.unit compares"),
    Column(
        "rho", Double, nullable=False, comment="Spearman's rank correlation of its score with the number, all documents"
    ),
    Column(
        "p",
        Double,
        nullable=False,
        comment="Share of shuffles, pooled over features that fire about as often, that are as far out: numbers are "
        "exchanged between groups, or within those whose documents differ",
    ),
    Column("q", Double, comment="As in feature_contrast; NULL if not tested"),
    Column("family_p", Double, comment="Westfall-Young step-down over the shuffles; NULL if not tested"),
    Column("rho_discovery", Double, comment="rho on the discovery half; NULL where it has fewer than 5 groups"),
    Column("p_discovery", Double, comment="p over the discovery half alone"),
    Column(
        "q_discovery", Double, comment="Benjamini-Hochberg q of p_discovery, features that fire in 5 documents of it"
    ),
    Column("rho_confirmation", Double, comment="rho on the confirmation half: what judges"),
    Column("rho_low", Double, comment="Lower end of its interval at level 0.95, bootstrap over groups"),
    Column("rho_high", Double, comment="Upper end; NULL if it fires in fewer than 5 groups"),
    Column("confirmed", Boolean, comment="The interval is all on the side of 0 that the discovery half says"),
    Column(
        "place_discovery", Integer, nullable=False, comment="Its place by |rho_discovery|, of tested features first"
    ),
    PrimaryKeyConstraint("association", "sae", "feature"),
    comment="A feature against a number of the documents, where it fires at all",
)

feature_classes = Table(
    "feature_classes",
    metadata,
    unchecked_key_column("association", "Association"),
    unchecked_key_column("sae", "SAE of the feature"),
    Column("feature", Integer, nullable=False, autoincrement=False, comment="Zero-based index in the SAE"),
    Column("fires", Integer, nullable=False, comment="Documents it fires in, in what association.unit compares"),
    Column("h", Double, nullable=False, comment="Kruskal and Wallis's H, corrected for ties, over all documents"),
    Column("epsilon_squared", Double, nullable=False, comment="H / (documents - 1): 0 no difference, 1 the largest"),
    Column(
        "p",
        Double,
        nullable=False,
        comment="Share of shuffles of the classes that are as far out, as in feature_target",
    ),
    Column("q", Double, comment="As in feature_contrast; NULL if not tested"),
    Column("family_p", Double, comment="Westfall-Young step-down over the shuffles; NULL if not tested"),
    Column("epsilon_discovery", Double, comment="epsilon_squared on the discovery half; NULL with too few groups"),
    Column("p_discovery", Double, comment="p over the discovery half alone"),
    Column(
        "q_discovery", Double, comment="Benjamini-Hochberg q of p_discovery, features that fire in 5 documents of it"
    ),
    Column("epsilon_confirmation", Double, comment="epsilon_squared on the confirmation half"),
    Column("best_class", SmallInteger, comment="Class of the largest AUROC against the others on the discovery half"),
    Column("auroc_discovery", Double, comment="That AUROC: too good by nature, the class being chosen by it"),
    Column("auroc", Double, comment="AUROC of that class against the others on the confirmation half: what judges"),
    Column("auroc_low", Double, comment="Lower end of its interval at level 0.95, bootstrap over groups"),
    Column("auroc_high", Double, comment="Upper end; NULL if it fires in fewer than 5 groups"),
    Column(
        "place_discovery", Integer, nullable=False, comment="Its place by epsilon_discovery, of tested features first"
    ),
    PrimaryKeyConstraint("association", "sae", "feature"),
    comment="A feature between several classes of documents, where it fires at all",
)

feature_class = Table(
    "feature_class",
    metadata,
    unchecked_key_column("association", "Association"),
    unchecked_key_column("sae", "SAE of the feature"),
    Column("feature", Integer, nullable=False, autoincrement=False, comment="Zero-based index in the SAE"),
    Column("class", SmallInteger, nullable=False, autoincrement=False, comment="A place in association.sets, from 0"),
    Column("name", String, nullable=False, comment="The set that is the class"),
    Column("documents", Integer, nullable=False, comment="Documents of the class"),
    Column("fires", Integer, nullable=False, comment="Those it fires in"),
    Column("auroc", Double, nullable=False, comment="AUROC of the class against all others, all documents"),
    Column("auroc_discovery", Double, comment="The same on the discovery half"),
    Column("auroc_confirmation", Double, comment="The same on the confirmation half"),
    PrimaryKeyConstraint("association", "sae", "feature", "class"),
    comment="A tested feature in one class against all others",
)

association_null = Table(
    "association_null",
    metadata,
    unchecked_key_column("association", "Association"),
    unchecked_key_column("sae", "SAE"),
    Column("shuffle", Integer, nullable=False, autoincrement=False, comment="Number of the shuffle, from 1"),
    Column("seed", Integer, nullable=False, comment="Seed of the shuffles; with the number it gives the labels"),
    Column("min_p", Double, nullable=False, comment="Smallest p over the tested features"),
    Column("min_q", Double, nullable=False, comment="Smallest Benjamini-Hochberg q over them"),
    Column("discoveries", Integer, nullable=False, comment="Features called at q <= 0.05 by Benjamini-Hochberg alone"),
    PrimaryKeyConstraint("association", "sae", "shuffle"),
    comment="An association under shuffled numbers or classes: what it finds where there is nothing to find",
)
