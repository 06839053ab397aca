WITH asked AS (
    SELECT CAST(value AS INTEGER) AS token_id
    FROM JSON_EACH(:tokens)
),
fired AS (
    SELECT
        t.sae,
        t.feature,
        SUM(t.active_tokens) AS on_it
    FROM feature_token AS t
    JOIN sae AS s ON s.sae = t.sae AND s.tokenization = :tokenization
    WHERE t.token_id IN (SELECT token_id FROM asked)
    GROUP BY t.sae, t.feature
    ORDER BY on_it DESC, t.sae, t.feature
    LIMIT 300
),
shared AS (
    SELECT
        f.sae,
        f.feature,
        f.on_it,
        1.0 * f.on_it / SUM(c.active_tokens) AS share
    FROM fired AS f
    JOIN feature_corpus AS c ON c.sae = f.sae AND c.feature = f.feature
    GROUP BY f.sae, f.feature, f.on_it
)
SELECT
    s.label AS sae,
    h.feature,
    h.on_it,
    h.share
FROM shared AS h
JOIN sae AS s ON s.sae = h.sae
ORDER BY h.on_it * h.share DESC, h.sae, h.feature
LIMIT :limit
