-- title: The corpora, and how each SAE sees them
-- description: One row for each corpus and SAE: of how many groups (books, laws, templates; documents alone) its documents are, how much of it the SAE has encoded, how many of its features fire at once on a token (L0), and how many of them fire anywhere in the corpus.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
WITH asked AS (
    -- part: every_sae_asked
),
fired AS (
    SELECT
        sae,
        corpus,
        COUNT(*) AS features
    FROM feature_corpus
    WHERE active_tokens > 0
    GROUP BY sae, corpus
),
grouped AS (
    SELECT
        corpus,
        COUNT(DISTINCT group_name) + SUM(CASE WHEN group_name IS NULL THEN 1 ELSE 0 END) AS document_groups
    FROM document
    GROUP BY corpus
)
SELECT
    k.name AS corpus,
    k.domain,
    s.name AS sae,
    c.documents,
    CAST(g.document_groups AS BIGINT) AS document_groups,
    c.contexts,
    c.tokens,
    1.0 * c.activations / NULLIF(c.tokens, 0) AS l0,
    COALESCE(fired.features, 0) AS features_fired,
    1.0 * COALESCE(fired.features, 0) / s.d_sae AS share_fired
FROM sae_corpus AS c
JOIN corpus AS k ON k.corpus = c.corpus
JOIN asked AS s ON s.sae = c.sae
LEFT JOIN grouped AS g ON g.corpus = c.corpus
LEFT JOIN fired ON fired.sae = c.sae AND fired.corpus = c.corpus
ORDER BY k.name, k.corpus, s.ordinal
