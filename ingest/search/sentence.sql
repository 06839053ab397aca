WITH best AS (
    SELECT
        feature,
        MAX(activation) AS activation,
        ARG_MAX(token, (activation, -position)) AS token,
        COUNT(*) AS active_tokens
    FROM fired
    GROUP BY feature
),
binned AS (
    SELECT feature, bin, SUM(tokens) AS tokens
    FROM feature_histogram
    WHERE sae = $sae
        AND feature IN (SELECT feature FROM best)
    GROUP BY feature, bin
),
known AS (
    SELECT
        best.feature,
        COALESCE(SUM(binned.tokens), 0) AS tokens,
        COALESCE(SUM(binned.tokens) FILTER (bin >= FLOOR($bins * LOG2(activation))), 0) AS as_strong
    FROM best
    LEFT JOIN binned USING (feature)
    GROUP BY best.feature
)
SELECT
    feature,
    best.token,
    activation,
    active_tokens,
    CAST(as_strong AS BIGINT) AS as_strong,
    tokens / NULLIF((SELECT SUM(tokens) FROM sae_corpus WHERE sae = $sae), 0) AS density
FROM best
JOIN known USING (feature)
WHERE COALESCE(density, 0) <= $density
ORDER BY as_strong, activation DESC, feature
