-- title: How many candidates survive each correction
-- description: For each SAE: features that fire, those tested, those that favour the positive side at q <= 0.05, the 40 that the study's method prints, and how many of these survive q, q on pairs, and a family-wise p <= 0.05, each alone. discovery_printed are the 40 printed of the discovery half alone, discovery_confirmed those whose AUROC interval on the other half is over one half. NULL where not computed.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
WITH chosen AS (
    -- part: every_result_asked
),
printed AS (
    -- part: study_printed
),
discovery AS (
    SELECT
        n.*,
        ROW_NUMBER() OVER (
            PARTITION BY n.contrast, n.sae
            ORDER BY n.study_positive_discovery - n.study_control_discovery DESC, n.feature
        ) AS place
    FROM feature_confirmation AS n
    WHERE n.study_kept_discovery
),
judged AS (
    SELECT
        f.contrast,
        f.sae,
        f.auroc,
        f.q,
        f.family_p,
        CASE WHEN p.place <= 40 THEN 1 ELSE 0 END AS in_print,
        CASE WHEN d.place <= 40 THEN 1 ELSE 0 END AS in_discovery_print,
        d.auroc_low,
        r.q AS pair_q,
        r.share_higher
    FROM chosen
    JOIN feature_contrast AS f ON f.contrast = chosen.contrast AND f.sae = chosen.sae
    LEFT JOIN printed AS p ON p.contrast = f.contrast AND p.sae = f.sae AND p.feature = f.feature
    LEFT JOIN discovery AS d ON d.contrast = f.contrast AND d.sae = f.sae AND d.feature = f.feature
    LEFT JOIN feature_pair AS r ON r.contrast = f.contrast AND r.sae = f.sae AND r.feature = f.feature
)
SELECT
    chosen.name AS sae,
    COUNT(*) AS features_that_fire,
    chosen.features_tested,
    CAST(SUM(CASE WHEN j.q <= 0.05 AND j.auroc > 0.5 THEN 1 ELSE 0 END) AS BIGINT) AS found_at_q,
    CAST(SUM(j.in_print) AS BIGINT) AS printed,
    CAST(SUM(CASE WHEN j.in_print = 1 AND j.q <= 0.05 AND j.auroc > 0.5 THEN 1 ELSE 0 END) AS BIGINT) AS printed_at_q,
    CAST(SUM(CASE WHEN j.in_print = 1 AND j.pair_q <= 0.05 AND j.share_higher > 0.5 THEN 1 ELSE 0 END) AS BIGINT)
        AS printed_matched,
    CASE
        WHEN MIN(j.family_p) IS NULL THEN NULL
        ELSE CAST(SUM(CASE WHEN j.in_print = 1 AND j.family_p <= 0.05 AND j.auroc > 0.5 THEN 1 ELSE 0 END) AS BIGINT)
    END AS printed_family_wise,
    CAST(SUM(j.in_discovery_print) AS BIGINT) AS discovery_printed,
    CAST(SUM(CASE WHEN j.in_discovery_print = 1 AND j.auroc_low > 0.5 THEN 1 ELSE 0 END) AS BIGINT)
        AS discovery_confirmed
FROM chosen
JOIN judged AS j ON j.contrast = chosen.contrast AND j.sae = chosen.sae
GROUP BY chosen.sae, chosen.name, chosen.ordinal, chosen.features_tested
ORDER BY chosen.ordinal
