"""How often a feature fires in each corpus, and the moments of its activation there."""

from atlas.site.pages.feature.section import Feature, Record

HEADING = "Statistics"
SUMMED = ("tokens_read", "documents_read", "active_tokens", "documents")


async def read(about: Feature) -> Record | None:
    """Its statistics by corpus and their sums; None where the SAE has read nothing."""
    corpora = about.corpora
    if not corpora:
        return None
    return {
        "corpora": corpora,
        **{name: sum(corpus[name] for corpus in corpora) for name in SUMMED},
        "max_activation": max(corpus["max_activation"] or 0.0 for corpus in corpora),
        "rows": about.rows_behind("feature_corpus"),
    }
