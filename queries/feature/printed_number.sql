-- title: The features that one printed number may mean
-- description: A printed number such as 6490 names a different feature in each SAE, and a different one again if the author counted from one: index 6490 or index 6489. All of them, side by side, with the statistics that each would have printed, and a link to Neuronpedia where the SAE is published there.
-- database: atlas
-- param number: INTEGER  -- number as printed, such as 6490
WITH reading AS (
    SELECT
        'from zero' AS counted,
        CAST(:number AS INTEGER) AS feature
    UNION ALL
    SELECT
        'from one' AS counted,
        CAST(:number AS INTEGER) - 1 AS feature
),
seen AS (
    -- part: tokens_read
),
fired AS (
    SELECT
        c.sae,
        c.feature,
        CAST(SUM(c.active_tokens) AS BIGINT) AS active_tokens,
        MAX(c.max_activation) AS max_activation
    FROM reading
    JOIN feature_corpus AS c ON c.feature = reading.feature
    GROUP BY c.sae, c.feature
),
word AS (
    -- part: feature_words
),
top_token AS (
    -- part: top_tokens
)
SELECT
    s.label AS sae,
    f.feature,
    reading.counted,
    1.0 * COALESCE(fired.active_tokens, 0) / NULLIF(seen.tokens, 0) AS density,
    fired.max_activation,
    f.log_sparsity,
    f.logit_std,
    f.logit_skewness,
    f.logit_kurtosis,
    (SELECT t.text FROM top_token AS t WHERE t.sae = f.sae AND t.feature = f.feature AND t.rank = 1) AS top_token,
    f.raises,
    'https://www.neuronpedia.org/' || s.neuronpedia_id || '/' || f.feature AS neuronpedia
FROM reading
JOIN word AS f ON f.feature = reading.feature
JOIN sae AS s ON s.sae = f.sae
LEFT JOIN seen ON seen.sae = f.sae
LEFT JOIN fired ON fired.sae = f.sae AND fired.feature = f.feature
ORDER BY s.ordinal, f.feature DESC
