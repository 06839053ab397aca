-- title: Features that move predictions
-- description: Features by how much they move the explained predictions where they are active: the mean Shapley value, its mean size and its share of all the moves of those explanations. The error of the SAE has no index.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param output: VARCHAR = 'logit'  -- logit|log_probability: what is explained of the next token
-- param min_prompts: INTEGER = 1  -- fewest explanations it takes part in
-- param limit: INTEGER = 30  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
moved AS (
    SELECT
        a.explanation,
        SUM(ABS(a.value)) AS size
    FROM feature_attribution AS a
    JOIN chosen ON chosen.sae = a.sae
    JOIN explanation AS e ON e.explanation = a.explanation AND e.output = :output
    GROUP BY a.explanation
)
SELECT
    MAX(chosen.name) AS sae,
    a.feature,
    COUNT(*) AS explanations,
    AVG(a.value) AS mean_value,
    AVG(ABS(a.value)) AS mean_size,
    AVG(ABS(a.value) / NULLIF(moved.size, 0)) AS mean_share
FROM chosen
JOIN feature_attribution AS a ON a.sae = chosen.sae
JOIN moved ON moved.explanation = a.explanation
GROUP BY a.feature
HAVING COUNT(*) >= :min_prompts
ORDER BY mean_size DESC, a.feature NULLS LAST
LIMIT :limit
