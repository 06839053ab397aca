WITH printed AS (
    SELECT
        feature,
        auroc,
        p,
        q
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
),
null_p AS (
    SELECT MAX(CASE WHEN 20 * place <= shuffles + 1 THEN min_p END) AS level
    FROM (
        SELECT
            min_p,
            ROW_NUMBER() OVER (ORDER BY min_p, shuffle) AS place,
            COUNT(*) OVER () AS shuffles
        FROM contrast_null
        WHERE contrast = :contrast
            AND sae = :sae
    ) AS every
)
SELECT
    COUNT(*) AS printed,
    SUM(CASE WHEN j.q <= 0.05 AND j.auroc > 0.5 THEN 1 ELSE 0 END) AS at_q,
    (SELECT COUNT(*) FROM discovery) AS chosen,
    (SELECT SUM(CASE WHEN auroc_low > 0.5 THEN 1 ELSE 0 END) FROM discovery) AS confirmed,
    SUM(CASE WHEN m.q <= 0.05 AND m.share_higher > 0.5 THEN 1 ELSE 0 END) AS matched,
    SUM(
        CASE
            WHEN null_p.level IS NULL THEN NULL
            WHEN j.auroc > 0.5 AND j.p < null_p.level THEN 1
            ELSE 0
        END
    ) AS family_wise
FROM printed AS j
CROSS JOIN null_p
LEFT JOIN feature_pair AS m ON m.contrast = :contrast AND m.sae = :sae AND m.feature = j.feature
