-- title: Features that fire most often
-- description: Features by density, the share of tokens they fire on. The densest features mostly follow position, punctuation or very common words rather than a meaning.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param corpus: VARCHAR = ''  -- corpus; empty: all of them
-- param limit: INTEGER = 40  -- most rows shown
WITH asked AS (
    -- part: every_sae_asked
),
seen AS (
    -- part: tokens_read_of_corpus
),
fired AS (
    SELECT
        c.sae,
        c.feature,
        CAST(SUM(c.documents) AS BIGINT) AS documents,
        CAST(SUM(c.active_tokens) AS BIGINT) AS active_tokens,
        SUM(c.active_tokens * c.mean_active) AS sum_activation,
        MAX(c.max_activation) AS max_activation
    FROM feature_corpus AS c
    JOIN corpus AS k ON k.corpus = c.corpus
    WHERE :corpus = '' OR k.name = :corpus
    GROUP BY c.sae, c.feature
),
ranked AS (
    SELECT
        fired.*,
        seen.tokens,
        1.0 * fired.active_tokens / NULLIF(seen.tokens, 0) AS density,
        s.name
    FROM fired
    JOIN seen ON seen.sae = fired.sae
    JOIN asked AS s ON s.sae = fired.sae
    ORDER BY density DESC, fired.sae, fired.feature
    LIMIT :limit
),
top_token AS (
    -- part: top_tokens
)
SELECT
    r.name AS sae,
    r.feature,
    r.density,
    r.active_tokens,
    r.tokens,
    r.documents,
    r.sum_activation / NULLIF(r.active_tokens, 0) AS mean_active,
    r.max_activation,
    f.log_sparsity,
    (SELECT t.text FROM top_token AS t WHERE t.sae = r.sae AND t.feature = r.feature AND t.rank = 1) AS top_token
FROM ranked AS r
JOIN feature AS f ON f.sae = r.sae AND f.feature = r.feature
ORDER BY r.density DESC, r.sae, r.feature
