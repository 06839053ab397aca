SELECT
    c.name,
    c.positive,
    c.control,
    sc.documents_positive,
    sc.documents_control,
    sc.features_tested,
    CASE WHEN sc.documents_hash = '' THEN 1 ELSE 0 END AS stale,
    (
        SELECT fc.feature
        FROM feature_contrast AS fc
        WHERE fc.contrast = sc.contrast
            AND fc.sae = sc.sae
        ORDER BY fc.auroc DESC, fc.p, fc.feature
        LIMIT 1
    ) AS best_feature,
    (
        SELECT MAX(fc.auroc)
        FROM feature_contrast AS fc
        WHERE fc.contrast = sc.contrast
            AND fc.sae = sc.sae
    ) AS best_auroc
FROM sae_contrast AS sc
JOIN contrast AS c ON c.contrast = sc.contrast
WHERE sc.sae = :sae
ORDER BY c.contrast
