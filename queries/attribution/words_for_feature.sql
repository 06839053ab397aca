-- title: Words that drive a feature
-- description: Tokens by what they add to a feature's activation over all explained prompts, each once: the mean Shapley value, its mean size, and in which share of the prompts that hold it the token counts most. A word far from the token where the feature fires shows here and not in its top tokens.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param limit: INTEGER = 30  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
prompt AS (
    SELECT
        chosen.name,
        e.explanation,
        e.feature,
        ROW_NUMBER() OVER (
            PARTITION BY e.text
            ORDER BY CASE e.estimator WHEN 'exact' THEN 1 WHEN 'permutation' THEN 2 ELSE 3 END, e.explanation
        ) AS place
    FROM chosen
    JOIN explanation AS e ON e.sae = chosen.sae AND e.question = 'feature' AND e.feature = :feature
)
SELECT
    MAX(p.name) AS sae,
    MAX(p.feature) AS feature,
    TRIM(t.text) AS word,
    COUNT(DISTINCT p.explanation) AS prompts,
    AVG(t.value) AS mean_value,
    AVG(ABS(t.value)) AS mean_size,
    1.0 * COUNT(CASE WHEN t.rank = 1 THEN 1 END) / COUNT(DISTINCT p.explanation) AS first_share
FROM prompt AS p
JOIN token_attribution AS t ON t.explanation = p.explanation
WHERE p.place = 1
GROUP BY TRIM(t.text)
ORDER BY mean_value DESC, word
LIMIT :limit
