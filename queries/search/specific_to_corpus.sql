-- title: Features specific to a corpus
-- description: Features that fire in one corpus rather than in the others. Specificity is the density in the corpus over the sum of the densities in it and in all the others: 1 is only here, 0.5 is alike. The token is the one it fires on most in this corpus.
-- database: atlas
-- param corpus: VARCHAR = ''  -- corpus; empty: the first in the atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param min_documents: INTEGER = 3  -- fewest documents of it that the feature must fire in
-- param limit: INTEGER = 40  -- most rows shown
WITH target AS (
    SELECT
        corpus AS key,
        name AS corpus
    FROM corpus
    WHERE :corpus = '' OR name = :corpus
    ORDER BY corpus.corpus
    LIMIT 1
),
placed AS (
    SELECT
        k.corpus,
        CASE WHEN k.corpus = target.key THEN 1 ELSE 0 END AS inside
    FROM corpus AS k
    CROSS JOIN target
),
ranked AS (
    -- part: features_inside
)
SELECT
    target.corpus,
    r.name AS sae,
    r.feature,
    r.specificity,
    r.density,
    r.density_elsewhere,
    r.density - r.density_elsewhere AS density_difference,
    r.documents,
    r.documents_elsewhere,
    (
        SELECT v.text
        FROM feature_token AS t
        JOIN vocabulary AS v ON v.tokenization = r.tokenization AND v.token_id = t.token_id
        WHERE t.sae = r.sae
            AND t.feature = r.feature
            AND t.corpus = target.key
        ORDER BY t.active_tokens DESC, t.sum_activation DESC, t.token_id
        LIMIT 1
    ) AS top_token_in_corpus
FROM ranked AS r
CROSS JOIN target
ORDER BY r.specificity DESC NULLS LAST, r.density DESC, r.sae, r.feature
