WITH near AS MATERIALIZED (
    SELECT
        JSON_EXTRACT(value, '$[0]') AS label,
        JSON_EXTRACT(value, '$[1]') AS similarity
    FROM JSON_EACH(:near)
),
blind_score AS (
    -- part: blind_score
)
SELECT
    s.label AS sae,
    l.feature,
    l.label,
    n.similarity,
    l.method,
    l.model,
    c.auroc,
    c.wrong_best
FROM near AS n
JOIN feature_label AS l ON l.label = n.label
JOIN sae AS s ON s.sae = l.sae
LEFT JOIN blind_score AS c ON c.feature_label = l.feature_label
ORDER BY n.similarity DESC, c.auroc DESC NULLS LAST, l.feature_label
LIMIT :limit
