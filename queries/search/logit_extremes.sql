-- title: Features with extreme logit weights
-- description: Features by a moment of their logit weights, the effect that firing has on each next token: std (how much they change at all), skewness (a few tokens raised or lowered) or kurtosis (a few tokens affected, the rest not). That extreme moments mean several meanings in one feature is a hypothesis, not a finding.
-- database: atlas
-- param measure: VARCHAR = 'kurtosis'  -- std|skewness|kurtosis: the moment to rank by
-- param direction: VARCHAR = 'highest'  -- highest|lowest: which end comes first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param limit: INTEGER = 40  -- most rows shown
WITH asked AS (
    -- part: every_sae_asked
),
word AS (
    -- part: feature_words
),
scored AS (
    SELECT
        f.*,
        s.name,
        CASE :measure
            WHEN 'std' THEN f.logit_std
            WHEN 'skewness' THEN f.logit_skewness
            WHEN 'kurtosis' THEN f.logit_kurtosis
        END AS score
    FROM word AS f
    JOIN asked AS s ON s.sae = f.sae
)
SELECT
    f.name AS sae,
    f.feature,
    f.logit_std,
    f.logit_skewness,
    f.logit_kurtosis,
    f.log_sparsity,
    f.raises,
    f.lowers
FROM scored AS f
WHERE f.score IS NOT NULL
ORDER BY CASE :direction WHEN 'lowest' THEN f.score ELSE -f.score END, f.sae, f.feature
LIMIT :limit
