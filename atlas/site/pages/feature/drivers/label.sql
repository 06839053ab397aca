WITH blind_score AS (
    -- part: blind_score
)
SELECT l.label
FROM feature_label AS l
JOIN sae AS s ON s.sae = l.sae
LEFT JOIN blind_score AS c ON c.feature_label = l.feature_label
WHERE s.label = :other
    AND l.feature = :other_feature
ORDER BY c.auroc DESC NULLS LAST, l.feature_label
LIMIT 1
