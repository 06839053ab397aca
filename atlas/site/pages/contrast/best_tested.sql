SELECT
    feature,
    auroc
FROM feature_contrast
WHERE contrast = :contrast
    AND sae = :sae
    AND q IS NOT NULL
ORDER BY auroc DESC, p, feature
LIMIT 1
