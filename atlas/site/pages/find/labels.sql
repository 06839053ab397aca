WITH blind_score AS (
    -- part: blind_score
)
SELECT
    s.label AS sae,
    l.feature,
    l.label,
    l.method,
    c.auroc,
    c.wrong_best
FROM feature_label_fts AS f
JOIN feature_label AS l ON l.feature_label = f.rowid
JOIN sae AS s ON s.sae = l.sae
LEFT JOIN blind_score AS c ON c.feature_label = l.feature_label
WHERE f.label MATCH :match
ORDER BY c.auroc DESC NULLS LAST, l.feature_label
LIMIT :limit
