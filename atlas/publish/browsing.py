"""How each table opens in Datasette: its order, facets, label and the indexes that make these fast."""

from dataclasses import dataclass


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


TOP_TOKENS = 50
"""Tokens kept of each feature in each corpus: more than a page shows, and a bound on the copy's size."""

BROWSING = {
    "bos_activation": Browsing(sort_desc="activation", facets=("sae",), indexes=(("activation",),)),
    "context": Browsing(size=50, indexes=(("document",),)),
    "contrast": Browsing(label="name"),
    "corpus": Browsing(label="name", facets=("domain",)),
    "document": Browsing(
        label="external_id",
        facets=("corpus", "licence", "split"),
        size=20,
        indexes=(("corpus",), ("licence",), ("split",)),
    ),
    "example": Browsing(
        sort_desc="activation",
        facets=("sae", "corpus", "sampling"),
        size=20,
        indexes=(("activation",), ("corpus",), ("sampling",), ("document",), ("context",)),
    ),
    "feature": Browsing(
        sort_desc="logit_kurtosis",
        facets=("sae",),
        indexes=(("logit_kurtosis",), ("logit_skewness",), ("logit_std",), ("log_sparsity",)),
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
    "feature_example": Browsing(hidden=True, note="The page example shows the same rows with their text."),
    "feature_histogram": Browsing(),
    "feature_token": Browsing(
        note=f"Here are the {TOP_TOKENS} most frequent of each feature and corpus; the atlas file holds all."
    ),
    "ingest_run": Browsing(sort_desc="ingest_run", facets=("command", "status"), label="command"),
    "migration": Browsing(hidden=True),
    "model": Browsing(label="name"),
    "sae": Browsing(label="label", facets=("release", "hook_layer")),
    "sae_contrast": Browsing(),
    "sae_corpus": Browsing(facets=("sae",)),
    "tokenization": Browsing(label="tokenizer"),
    "vocabulary": Browsing(size=50),
}
