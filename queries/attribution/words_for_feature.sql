-- title: Words that drive a feature
-- description: Tokens by what they add to a feature's activation over all explained prompts: the mean Shapley value, its mean size, and in how many prompts the token is the first. A word far from the token where the feature fires shows here and not in its top tokens.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param limit: INTEGER = 30  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
)
SELECT
    MAX(chosen.name) AS sae,
    MAX(e.feature) AS feature,
    TRIM(t.text) AS word,
    COUNT(DISTINCT e.explanation) AS prompts,
    AVG(t.value) AS mean_value,
    AVG(ABS(t.value)) AS mean_size,
    1.0 * COUNT(CASE WHEN t.rank = 1 THEN 1 END) / COUNT(*) AS first_share
FROM chosen
JOIN explanation AS e ON e.sae = chosen.sae AND e.question = 'feature' AND e.feature = :feature
JOIN token_attribution AS t ON t.explanation = e.explanation
GROUP BY TRIM(t.text)
ORDER BY mean_value DESC, word
LIMIT :limit
