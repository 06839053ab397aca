"""Circuits: what becomes of a feature, or of a prediction, when values on the way to it are exchanged."""

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Double,
    Float,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
)

from schema.tables.base import foreign_key_column, key_column, metadata, unchecked_key_column

patch_pair = Table(
    "patch_pair",
    metadata,
    key_column("patch_pair", "Key"),
    foreign_key_column("ingest_run", "Run that computed it"),
    unchecked_key_column("model", "Model"),
    Column("metric", String, nullable=False, comment="What is read: pre_activation, logit or logit_difference"),
    Column("sae", SmallInteger, comment="SAE of the feature that is read; NULL for logits", info={"references": "sae"}),
    Column("feature", Integer, comment="Feature whose pre-activation is read, zero-based; NULL for logits"),
    Column("target_id", Integer, comment="Token whose logit is read; NULL for a feature"),
    Column("target", String, comment="Its text"),
    Column("against_id", Integer, comment="Token whose logit is taken from it (logit_difference)"),
    Column("against", String, comment="Its text"),
    Column("template", String, comment="What both documents were made of; NULL where the prompts were given by hand"),
    Column(
        "document",
        Integer,
        comment="Document of the clean prompt; NULL where it was given by hand",
        info={"references": "document"},
    ),
    Column(
        "corrupted_document",
        Integer,
        comment="Document of the corrupted prompt; NULL where it was given by hand",
        info={"references": "document"},
    ),
    Column("clean_text", String, nullable=False, comment="Clean prompt, as far as the position that is read"),
    Column("corrupted_text", String, nullable=False, comment="Corrupted prompt, as far as there"),
    Column("clean_tokens", JSON, nullable=False, comment="Texts of its tokens, BOS left out"),
    Column("corrupted_tokens", JSON, nullable=False, comment="Texts of the tokens of the other"),
    Column("first_position", SmallInteger, nullable=False, comment="Position of the first token, 1 after BOS, else 0"),
    Column("position", SmallInteger, nullable=False, comment="Position that is read, BOS being 0"),
    Column("clean_value", Double, nullable=False, comment="Metric on the clean prompt"),
    Column("corrupted_value", Double, nullable=False, comment="Metric on the corrupted prompt"),
    Column(
        "least_difference",
        Double,
        nullable=False,
        comment="Where the two values are no further apart, effects are NULL: 0.001 of the feature's largest "
        "activation, 0.01 for logits",
    ),
    Column(
        "denoised_agreement",
        Double,
        comment="Spearman's correlation over single sites of denoised with what gradients estimate; NULL where one "
        "does not vary",
    ),
    Column("noised_agreement", Double, comment="The same of noised"),
    Column("identity", String, nullable=False, unique=True, comment="Hash of all it depends on: makes a rerun free"),
    CheckConstraint("metric IN ('pre_activation', 'logit', 'logit_difference')", name="patch_pair_metric"),
    comment="Two prompts of one length whose values are exchanged, site by site, and what is read of each",
)

patch_effect = Table(
    "patch_effect",
    metadata,
    unchecked_key_column("patch_pair", "Pair of prompts"),
    Column("site", Integer, nullable=False, comment="Number of the site in its pair, from 0"),
    Column(
        "kind",
        String,
        nullable=False,
        comment="What is exchanged: resid_pre, z (what a head reads), attn_out, mlp_out, resid_post, ... or feature",
    ),
    Column("layer", SmallInteger, nullable=False, comment="Block of the hook point, from 0"),
    Column("position", SmallInteger, comment="Position, BOS being 0; NULL: every position at once"),
    Column("head", SmallInteger, comment="Head, from 0 (kind z)"),
    Column(
        "sae", SmallInteger, comment="SAE of the feature that is exchanged (kind feature)", info={"references": "sae"}
    ),
    Column("feature", Integer, comment="Its zero-based index; the SAE's error stays as it is"),
    Column("denoised", Double, nullable=False, comment="Metric of the corrupted run with the clean value there"),
    Column("noised", Double, nullable=False, comment="Metric of the clean run with the corrupted value there"),
    Column("denoised_effect", Float, comment="(denoised - corrupted_value) / (clean_value - corrupted_value)"),
    Column("noised_effect", Float, comment="(noised - corrupted_value) / (clean_value - corrupted_value)"),
    Column("denoised_estimate", Double, nullable=False, comment="denoised, as the corrupted run's gradient has it"),
    Column("noised_estimate", Double, nullable=False, comment="noised, as the clean run's gradient has it"),
    PrimaryKeyConstraint("patch_pair", "site"),
    comment="What one site carries: a value of one prompt's run in the place of the other's (0 corrupted, 1 clean)",
)

direct_attribution = Table(
    "direct_attribution",
    metadata,
    key_column("direct_attribution", "Key"),
    foreign_key_column("ingest_run", "Run that computed it"),
    unchecked_key_column("sae", "SAE"),
    Column("feature", Integer, nullable=False, comment="Feature whose pre-activation is taken apart, zero-based"),
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
    Column("position", SmallInteger, nullable=False, comment="Position that is read, BOS being 0"),
    Column("pre_activation", Double, nullable=False, comment="What the feature's encoder reads there"),
    Column("residual", Double, nullable=False, comment="pre_activation - the sum of the parts: rounding"),
    Column("pair_total", Double, nullable=False, comment="Sum of weight x gradient over all pairs of positions"),
    Column("identity", String, nullable=False, unique=True, comment="Hash of all it depends on: makes a rerun free"),
    comment="A feature's pre-activation at a position, taken apart into what each part of the model writes",
)

direct_part = Table(
    "direct_part",
    metadata,
    unchecked_key_column("direct_attribution", "What is taken apart"),
    Column("part", Integer, nullable=False, comment="Number of the part, from 0"),
    Column(
        "kind",
        String,
        nullable=False,
        comment="What writes: token, position (embeddings), head, mlp, attention_bias (of a block), encoder_bias",
    ),
    Column("layer", SmallInteger, comment="Block, from 0; NULL for embeddings and the encoder"),
    Column("head", SmallInteger, comment="Head, from 0 (kind head)"),
    Column("source", SmallInteger, comment="Position that the head reads from, BOS being 0 (kind head)"),
    Column("value", Double, nullable=False, comment="What it adds to the pre-activation"),
    PrimaryKeyConstraint("direct_attribution", "part"),
    CheckConstraint(
        "kind IN ('token', 'position', 'head', 'mlp', 'attention_bias', 'encoder_bias')", name="direct_part_kind"
    ),
    comment="What one part of the model adds to a feature's pre-activation",
)

attention_pair = Table(
    "attention_pair",
    metadata,
    unchecked_key_column("direct_attribution", "What is taken apart"),
    Column("layer", SmallInteger, nullable=False, comment="Block of the head, from 0"),
    Column("head", SmallInteger, nullable=False, comment="Head, from 0"),
    Column("query", SmallInteger, nullable=False, comment="Position that looks, BOS being 0"),
    Column("source", SmallInteger, nullable=False, comment="Position that is looked at"),
    Column("weight", Float, nullable=False, comment="The head's attention weight"),
    Column("value", Double, nullable=False, comment="Weight x gradient of the pre-activation by it"),
    PrimaryKeyConstraint("direct_attribution", "layer", "head", "query", "source"),
    comment="The pairs of positions whose attention weight matters most to a feature, the 256 largest by size",
)

MEASURES = {
    "bos": "Weight on BOS; NULL where windows have none",
    "previous": "Weight on the token before",
    "same": "Weight on earlier places of the same token; NULL where no token comes twice",
    "induction": "Weight on what came after those places; NULL where no token comes twice",
    "term": "Weight on the span of the document's term, from the tokens after it; NULL without",
    "entropy": "Entropy of the weights (nats)",
}

attention_summary = Table(
    "attention_summary",
    metadata,
    unchecked_key_column("model", "Model"),
    unchecked_key_column("tokenization", "How the document was cut into windows"),
    unchecked_key_column("document", "Document"),
    Column("layer", SmallInteger, nullable=False, comment="Block, from 0"),
    Column("head", SmallInteger, nullable=False, comment="Head, from 0"),
    *(Column(name, Float, comment=comment) for name, comment in MEASURES.items()),
    comment="What a head looks at in a document: means over its tokens",
)

attention_head = Table(
    "attention_head",
    metadata,
    unchecked_key_column("model", "Model"),
    unchecked_key_column("tokenization", "How documents were cut into windows"),
    unchecked_key_column("corpus", "Corpus"),
    Column("layer", SmallInteger, nullable=False, comment="Block, from 0"),
    Column("head", SmallInteger, nullable=False, comment="Head, from 0"),
    Column("documents", Integer, nullable=False, comment="Documents that were looked at"),
    *(Column(name, Double, comment=f"{comment}: mean over documents") for name, comment in MEASURES.items()),
    PrimaryKeyConstraint("model", "tokenization", "corpus", "layer", "head"),
    comment="What a head looks at in a corpus: means over the documents of attention_summary",
)

attention_contrast = Table(
    "attention_contrast",
    metadata,
    unchecked_key_column("contrast", "Contrast"),
    unchecked_key_column("sae", "SAE whose documents are compared; heads are its model's"),
    Column("layer", SmallInteger, nullable=False, comment="Block, from 0"),
    Column("head", SmallInteger, nullable=False, comment="Head, from 0"),
    Column("measure", String, nullable=False, comment="Column of attention_summary that is compared"),
    Column("documents_positive", Integer, nullable=False, comment="Positive documents that have the measure"),
    Column("documents_control", Integer, nullable=False, comment="Control documents that have it"),
    Column("mean_positive", Double, nullable=False, comment="Mean over the positive documents"),
    Column("mean_control", Double, nullable=False, comment="Mean over the control documents"),
    Column("auroc", Double, nullable=False, comment="Chance that a positive document has the larger one; ties half"),
    Column(
        "p",
        Double,
        nullable=False,
        comment="Two-sided rank-sum p, by exchanges of labels within groups and among documents of like length",
    ),
    Column("q", Double, nullable=False, comment="False-discovery q over all heads and measures of the contrast"),
    Column(
        "auroc_length",
        Double,
        comment="auroc among documents of like length, each group's as one where it is on one side; NULL where no "
        "length is on both",
    ),
    Column("p_length", Double, comment="Two-sided p of the rank sums within lengths, by van Elteren's test"),
    PrimaryKeyConstraint("contrast", "sae", "layer", "head", "measure"),
    comment="Whether a head looks elsewhere in positive than in control documents",
)
