SELECT l.label
FROM feature_label AS l
JOIN sae AS s ON s.sae = l.sae
LEFT JOIN label_score AS c
    ON c.feature_label = l.feature_label AND c.negatives = 'random' AND c.judge = 'words'
WHERE s.label = :other
    AND l.feature = :other_feature
ORDER BY c.auroc DESC NULLS LAST, l.feature_label
LIMIT 1
