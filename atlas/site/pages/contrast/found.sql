SELECT
    COUNT(*) AS fire,
    SUM(CASE WHEN q <= 0.05 AND auroc > 0.5 THEN 1 ELSE 0 END) AS favour_positive,
    SUM(CASE WHEN q <= 0.05 AND auroc < 0.5 THEN 1 ELSE 0 END) AS favour_control
FROM feature_contrast
WHERE contrast = :contrast
    AND sae = :sae
