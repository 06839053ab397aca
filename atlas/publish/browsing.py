"""How each table opens in Datasette: its order, facets, label and the indexes that make these fast."""

from dataclasses import dataclass, replace

from atlas.publish.rows import EXAMPLE_CORPORA, OTHER_EXAMPLES, STRONGEST_EXAMPLES, TOP_TOKENS


@dataclass(frozen=True)
class Browsing:
    """A table's page: what it is sorted by, faceted by, named by, and how many rows it shows."""

    sort: str | None = None
    sort_desc: str | None = None
    facets: tuple[str, ...] = ()
    label: str | None = None
    size: int | None = None
    hidden: bool = False
    note: str | None = None
    indexes: tuple[tuple[str, ...], ...] = ()

    def of_size(self, rows: int) -> "Browsing":
        """The same for a table of so many rows: facets are counted for each visitor, and stay away from long tables."""
        return replace(self, facets=()) if rows > FACETED_ROWS else self

    def settings(self) -> dict[str, object]:
        """The same in the words of Datasette's metadata."""
        found = {
            "sort": self.sort,
            "sort_desc": self.sort_desc,
            "facets": list(self.facets),
            "label_column": self.label,
            "size": self.size,
            "hidden": self.hidden,
        }
        return {name: value for name, value in found.items() if value}


LONG = {
    "activation": Browsing(note="Sorted as its key says: one feature's rows are found at once, by sae and feature."),
    "attention_summary": Browsing(note="Sorted as its key says: one document's rows are found at once."),
    "coverage": Browsing(),
    "feature_document": Browsing(note="Sorted as its key says: one feature's rows are found at once."),
    "shown_window": Browsing(note="Sorted as its key says: one feature's rows are found at once."),
    "token": Browsing(size=100),
}
"""Tables that only the DuckDB file has."""

FACETED_ROWS = 250_000

BROWSING = {
    "ablation": Browsing(sort_desc="difference", facets=("sae",), indexes=(("sae", "feature"), ("difference",))),
    "ablation_document": Browsing(facets=("ablation", "side"), indexes=(("document",),)),
    "ablation_effect": Browsing(
        sort_desc="rise", facets=("side", "random"), indexes=(("sae", "feature"), ("rise",), ("random",))
    ),
    "attention_contrast": Browsing(
        sort="q", facets=("contrast", "sae", "measure", "layer"), indexes=(("contrast", "sae", "q"),)
    ),
    "attention_head": Browsing(facets=("corpus", "layer")),
    "attention_pair": Browsing(sort_desc="value", facets=("layer", "head")),
    "direct_attribution": Browsing(
        sort_desc="pre_activation", label="text", size=20, indexes=(("sae", "feature"), ("document",))
    ),
    "direct_part": Browsing(sort_desc="value", facets=("kind", "layer", "head")),
    "graph": Browsing(
        sort_desc="clean_value",
        facets=("method",),
        label="text",
        size=20,
        indexes=(("sae", "feature"), ("document",)),
    ),
    "graph_edge": Browsing(sort_desc="weight", indexes=(("graph", "target"),)),
    "graph_node": Browsing(
        sort_desc="influence", facets=("kind", "level", "kept"), indexes=(("sae", "feature"), ("graph", "kept"))
    ),
    "patch_effect": Browsing(
        sort_desc="denoised_effect",
        facets=("kind", "layer", "head"),
        indexes=(("denoised_effect",), ("sae", "feature")),
    ),
    "patch_pair": Browsing(
        sort_desc="clean_value",
        facets=("metric",),
        label="clean_text",
        size=20,
        indexes=(("sae", "feature"), ("document",), ("corrupted_document",)),
    ),
    "bos_activation": Browsing(sort_desc="activation", facets=("sae",), indexes=(("activation",),)),
    "cluster": Browsing(sort="cluster", facets=("clustering",)),
    "cluster_contrast": Browsing(sort="q", facets=("contrast", "sae", "clustering"), indexes=(("q",), ("clustering",))),
    "cluster_token": Browsing(sort_desc="weight", facets=("rank",), indexes=(("weight",), ("token_id",))),
    "clustering": Browsing(label="measure", facets=("sae", "measure")),
    "clustering_choice": Browsing(),
    "context": Browsing(size=50, indexes=(("document",),)),
    "contrast": Browsing(label="name"),
    "contrast_set": Browsing(sort="rank", facets=("contrast", "sae"), indexes=(("sae", "feature"),)),
    "contrast_correlation": Browsing(facets=("contrast", "sae", "moment")),
    "contrast_document": Browsing(facets=("contrast", "sae", "positive", "split"), indexes=(("document",),)),
    "contrast_null": Browsing(facets=("contrast", "sae")),
    "corpus": Browsing(label="name", facets=("domain",)),
    "document": Browsing(
        label="external_id",
        facets=("corpus", "licence"),
        size=20,
        indexes=(("corpus",), ("licence",), ("group_name",)),
    ),
    "example": Browsing(
        sort_desc="activation",
        facets=("sae", "corpus", "sampling"),
        size=20,
        note=(
            f"Here are, of each feature, the {STRONGEST_EXAMPLES} strongest of the corpus where it is strongest, "
            f"{OTHER_EXAMPLES} of each of the next {EXAMPLE_CORPORA - 1} corpora, and one of each octave of its "
            "activations; the atlas file holds all."
        ),
        indexes=(("activation",), ("corpus",), ("sampling",), ("document",), ("context", "position", "sae", "feature")),
    ),
    "explanation": Browsing(
        sort_desc="explanation",
        facets=("question", "estimator", "baseline", "output"),
        label="text",
        size=20,
        indexes=(("sae", "feature"), ("document",), ("question",)),
    ),
    "feature": Browsing(
        sort_desc="logit_kurtosis",
        facets=("sae",),
        indexes=(("logit_kurtosis",), ("logit_skewness",), ("logit_std",), ("log_sparsity",)),
    ),
    "feature_attribution": Browsing(facets=("sae",), indexes=(("sae", "feature"),)),
    "feature_class": Browsing(sort_desc="auroc", facets=("association", "sae", "name"), indexes=(("sae", "feature"),)),
    "feature_classes": Browsing(
        sort="place_discovery", facets=("association", "sae", "best_class"), indexes=(("sae", "feature"),)
    ),
    "feature_cluster": Browsing(
        sort_desc="silhouette",
        facets=("clustering", "cluster"),
        indexes=(("silhouette",), ("sae", "feature"), ("clustering", "cluster", "silhouette")),
    ),
    "feature_coactivation": Browsing(
        sort_desc="jaccard", facets=("sae",), indexes=(("jaccard",), ("lift",), ("sae", "other_feature"))
    ),
    "feature_confirmation": Browsing(
        sort="place_discovery",
        facets=("contrast", "sae"),
        indexes=(("auroc",), ("contrast", "sae", "place_discovery"), ("sae", "feature")),
    ),
    "feature_contrast": Browsing(
        sort_desc="auroc",
        facets=("contrast", "sae", "study_kept"),
        indexes=(("auroc",), ("contrast", "sae", "auroc"), ("sae", "feature"), ("study_kept",)),
    ),
    "feature_corpus": Browsing(
        sort_desc="density",
        facets=("sae", "corpus"),
        indexes=(("density",), ("sae", "feature"), ("corpus",)),
    ),
    "feature_domain": Browsing(
        sort_desc="auroc", facets=("contrast", "sae", "domain"), indexes=(("auroc",), ("domain",), ("sae", "feature"))
    ),
    "feature_evidence": Browsing(
        sort_desc="term_coverage",
        facets=("contrast", "sae"),
        indexes=(("term_coverage",), ("top_token_share",), ("sae", "feature")),
    ),
    "feature_example": Browsing(
        hidden=True, note="The table example shows these with their text; the atlas file holds all."
    ),
    "feature_histogram": Browsing(),
    "feature_label": Browsing(
        sort="label",
        facets=("sae", "method", "kind", "source"),
        label="label",
        indexes=(("sae", "feature"), ("label",), ("method",), ("kind",), ("source",)),
    ),
    "feature_lift": Browsing(
        sort_desc="word_lift",
        facets=("contrast", "sae", "part"),
        indexes=(("lift",), ("word_lift",), ("sae", "feature")),
    ),
    "feature_match": Browsing(
        sort_desc="correlation",
        facets=("sae", "other_sae", "measure", "mutual"),
        indexes=(("correlation",), ("cosine",), ("other_sae", "other_feature")),
    ),
    "feature_neighbour": Browsing(sort_desc="cosine", facets=("sae",), indexes=(("cosine",), ("sae", "other_feature"))),
    "feature_opposite": Browsing(sort="cosine", facets=("sae",), indexes=(("cosine",), ("sae", "other_feature"))),
    "feature_pair": Browsing(
        sort_desc="share_higher", facets=("contrast", "sae"), indexes=(("share_higher",), ("sae", "feature"))
    ),
    "feature_target": Browsing(
        sort="place_discovery", facets=("association", "sae", "confirmed"), indexes=(("sae", "feature"),)
    ),
    "feature_token": Browsing(
        indexes=(("token_id",),),
        note=f"Here are the {TOP_TOKENS} most frequent of each feature and corpus; the atlas file holds all.",
    ),
    "feature_top_token": Browsing(facets=("sae", "rank"), indexes=(("token_id",),)),
    "ingest_run": Browsing(sort_desc="ingest_run", facets=("command", "status"), label="command"),
    "label_score": Browsing(
        sort_desc="auroc", facets=("negatives", "judge", "reason"), indexes=(("auroc",), ("negatives", "auroc"))
    ),
    "method_revision": Browsing(hidden=True),
    "migration": Browsing(hidden=True),
    "model": Browsing(label="name"),
    "prompt_filter": Browsing(sort="rank", facets=("rank", "study_kept"), indexes=(("rank",),)),
    "reproduction": Browsing(label="notebook"),
    "reproduction_fault": Browsing(sort="fault", facets=("shown",), label="name", indexes=(("fault",),)),
    "reproduction_feature": Browsing(
        sort_desc="study_difference", facets=("contrast", "sae"), indexes=(("study_difference",), ("sae", "feature"))
    ),
    "sae": Browsing(label="label", facets=("release", "hook_layer")),
    "sae_association": Browsing(),
    "sae_coactivation": Browsing(),
    "sae_contrast": Browsing(),
    "sae_corpus": Browsing(facets=("sae",)),
    "sae_match": Browsing(),
    "sae_quality": Browsing(sort_desc="explained_variance", facets=("sae",)),
    "study_moment": Browsing(sort_desc="logit_kurtosis", facets=("sae",), indexes=(("logit_kurtosis",),)),
    "study_prompt": Browsing(facets=("kept", "names_first"), indexes=(("model",),)),
    "token_attribution": Browsing(size=100),
    "steering": Browsing(
        sort_desc="steering",
        facets=("sae", "kind", "temperature"),
        label="text",
        size=20,
        indexes=(("sae", "feature"), ("document",), ("kind",)),
    ),
    "steering_effect": Browsing(
        sort_desc="kl",
        facets=("dose", "random"),
        size=20,
        indexes=(("sae", "feature"), ("kl",), ("random",), ("dose",)),
    ),
    "tokenization": Browsing(label="tokenizer"),
    "vocabulary": Browsing(size=50),
}


OF_THE_FILE = frozenset({"migration", "method_revision"})


def browsing_in_full(table: str) -> Browsing:
    """The same where every table is whole and `example` is none of them.

    Facets of a table that both databases have are counted in SQLite alone: each one is a question to a worker.
    """
    if table in LONG:
        return LONG[table]
    return replace(BROWSING.get(table, Browsing()), note=None, hidden=table in OF_THE_FILE, facets=())
