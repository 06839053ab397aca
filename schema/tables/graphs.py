"""Graphs between SAEs: what the features of a prompt do to those further on, and to a prediction."""

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

from schema.tables.base import foreign_key_column, key_column, metadata, unchecked_key_column

graph = Table(
    "graph",
    metadata,
    key_column("graph", "Key"),
    foreign_key_column("ingest_run", "Run that computed it"),
    unchecked_key_column("model", "Model"),
    Column(
        "method",
        String,
        nullable=False,
        comment="What edges are: ablation (exact, one node taken out at a time), gradient (x difference) or integrated "
        "(gradients at ten points)",
    ),
    Column("sae", SmallInteger, comment="SAE of the target feature; NULL: next tokens", info={"references": "sae"}),
    Column("feature", Integer, comment="Target feature, zero-based; NULL: next tokens"),
    Column(
        "document",
        Integer,
        comment="Document of the prompt; NULL where it was given by hand",
        info={"references": "document"},
    ),
    Column("ordinal", Integer, nullable=False, comment="Window of the document, from 0"),
    Column("text", String, nullable=False, comment="The prompt, as far as the position"),
    Column("tokens", JSON, nullable=False, comment="Texts of its tokens, BOS left out"),
    Column("first_position", SmallInteger, nullable=False, comment="Position of the first token, 1 after BOS, else 0"),
    Column("position", SmallInteger, nullable=False, comment="Position of the target, BOS being 0"),
    Column("node_threshold", Double, nullable=False, comment="Share of all influence that nodes are kept to"),
    Column("edge_threshold", Double, nullable=False, comment="Share of influence that edges are kept to"),
    Column("left_out", Integer, nullable=False, comment="Active features that are no nodes, since there were too many"),
    Column("nodes", Integer, nullable=False, comment="Nodes before pruning, targets among them"),
    Column("edges", Integer, nullable=False, comment="Edges before pruning, those of no effect left out"),
    Column(
        "clean_value",
        Double,
        nullable=False,
        comment="The target as it is: activation, or mean of the logits by their probability, less the mean of all",
    ),
    Column("circuit_value", Double, nullable=False, comment="The target with the kept nodes alone at every SAE"),
    Column("empty_value", Double, nullable=False, comment="The target with no node at any SAE"),
    Column("rest_value", Double, nullable=False, comment="The target with all but the kept nodes"),
    Column(
        "least_difference",
        Double,
        nullable=False,
        comment="Where clean_value and empty_value are no further apart, shares are NULL: 0.001 of the feature's "
        "largest activation, 0.01 for logits",
    ),
    Column("faithfulness", Double, comment="(circuit_value - empty_value) / (clean_value - empty_value)"),
    Column(
        "completeness",
        Double,
        comment="(rest_value - empty_value) / (clean_value - empty_value): 0 where nothing that matters is left out",
    ),
    Column(
        "agreement",
        Double,
        comment="Spearman's correlation of all edges with those of ablation; NULL for ablation, and where one does not "
        "vary",
    ),
    Column("identity", String, nullable=False, unique=True, comment="Hash of all it depends on: makes a rerun free"),
    CheckConstraint("method IN ('ablation', 'gradient', 'integrated')", name="graph_method"),
    comment="What leads to a feature, or to the next token, on a prompt: features and errors of SAEs, and tokens",
)

graph_node = Table(
    "graph_node",
    metadata,
    unchecked_key_column("graph", "Graph"),
    Column("node", Integer, nullable=False, comment="Number of the node in its graph, from 0: level by level"),
    Column(
        "kind",
        String,
        nullable=False,
        comment="token (its embedding), feature, error (what an SAE leaves over at a position) or logit",
    ),
    Column("level", SmallInteger, nullable=False, comment="0: tokens; then SAEs as the model runs; the targets last"),
    Column("sae", SmallInteger, comment="SAE of the feature or the error", info={"references": "sae"}),
    Column("position", SmallInteger, nullable=False, comment="Position, BOS being 0"),
    Column("feature", Integer, comment="Zero-based index of the feature"),
    Column("token_id", Integer, comment="Token that is embedded, or whose logit it is"),
    Column("token", String, comment="Its text"),
    Column("activation", Double, comment="Activation of the feature"),
    Column("probability", Double, comment="Probability of the token (kind logit)"),
    Column(
        "effect",
        Double,
        comment="How far the target falls where the node is taken out of the run, exactly, by every path; NULL for "
        "targets",
    ),
    Column("influence", Double, nullable=False, comment="Sum over paths to the target of the product of their shares"),
    Column(
        "cumulative",
        Double,
        nullable=False,
        comment="Share of all influence that it and the nodes with more of it have together",
    ),
    Column("kept", Boolean, nullable=False, comment="Whether it is left after pruning"),
    PrimaryKeyConstraint("graph", "node"),
    CheckConstraint("kind IN ('token', 'feature', 'error', 'logit')", name="graph_node_kind"),
    comment="A node of a graph: a token, a feature that fires, an SAE's error, or a logit; BOS is none",
)

graph_edge = Table(
    "graph_edge",
    metadata,
    unchecked_key_column("graph", "Graph"),
    Column("source", Integer, nullable=False, comment="Node that it comes from"),
    Column("target", Integer, nullable=False, comment="Node of the next level that it leads to"),
    Column(
        "weight",
        Double,
        nullable=False,
        comment="How far the activation or logit of the target falls without the source, by the graph's method",
    ),
    PrimaryKeyConstraint("graph", "source", "target"),
    comment="An edge that is left after pruning: the effect of one node on one of the next level",
)
