WITH printed AS (
    SELECT
        feature,
        auroc,
        q,
        family_p
    FROM feature_contrast
    WHERE contrast = :contrast
        AND sae = :sae
        AND study_kept
        AND study_difference > 0
    ORDER BY study_difference DESC, feature
    LIMIT :printed
),
discovery AS (
    SELECT auroc_low
    FROM feature_confirmation
    WHERE contrast = :contrast
        AND sae = :sae
        AND study_kept_discovery
    ORDER BY study_positive_discovery - study_control_discovery DESC, feature
    LIMIT :printed
)
SELECT
    COUNT(*) AS printed,
    SUM(CASE WHEN j.q <= 0.05 AND j.auroc > 0.5 THEN 1 ELSE 0 END) AS at_q,
    (SELECT COUNT(*) FROM discovery) AS chosen,
    (SELECT SUM(CASE WHEN auroc_low > 0.5 THEN 1 ELSE 0 END) FROM discovery) AS confirmed,
    SUM(CASE WHEN m.q <= 0.05 AND m.share_higher > 0.5 THEN 1 ELSE 0 END) AS matched,
    CASE
        WHEN MIN(j.family_p) IS NULL THEN NULL
        ELSE SUM(CASE WHEN j.family_p <= 0.05 AND j.auroc > 0.5 THEN 1 ELSE 0 END)
    END AS family_wise
FROM printed AS j
LEFT JOIN feature_pair AS m ON m.contrast = :contrast AND m.sae = :sae AND m.feature = j.feature
