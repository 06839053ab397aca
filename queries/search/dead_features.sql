-- title: Features that never fire
-- description: Features that have not fired on any token read so far, those that fired most in training first (log_sparsity is log10 of the density in training). A feature may still fire on BOS, which is shown beside it; with few tokens read, silence says little.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param corpus: VARCHAR = ''  -- corpus; empty: all of them
-- param limit: INTEGER = 40  -- most rows shown
WITH asked AS (
    -- part: every_sae_asked
),
word AS (
    -- part: feature_words
),
seen AS (
    -- part: tokens_read_of_corpus
)
SELECT
    s.name AS sae,
    f.feature,
    seen.tokens AS tokens_read,
    f.log_sparsity,
    b.activation AS bos_activation,
    f.decoder_norm,
    f.raises
FROM word AS f
JOIN asked AS s ON s.sae = f.sae
JOIN seen ON seen.sae = f.sae
LEFT JOIN bos_activation AS b ON b.sae = f.sae AND b.feature = f.feature
WHERE NOT EXISTS (
    SELECT 1
    FROM feature_corpus AS c
    JOIN corpus AS k ON k.corpus = c.corpus
    WHERE c.sae = f.sae
        AND c.feature = f.feature
        AND c.active_tokens > 0
        AND (:corpus = '' OR k.name = :corpus)
)
ORDER BY f.log_sparsity DESC NULLS LAST, f.sae, f.feature
LIMIT :limit
