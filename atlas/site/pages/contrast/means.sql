SELECT
    feature,
    mean_positive,
    mean_control,
    auroc,
    study_kept,
    study_difference
FROM feature_contrast
WHERE contrast = :contrast
    AND sae = :sae
ORDER BY feature
