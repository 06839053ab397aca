-- title: How many candidates survive each correction
-- description: For each SAE: features that fire, those tested, those that favour the positive side at q <= 0.05, the 40 that the study's method prints, and how many of these survive q, q on pairs, and a family-wise p <= 0.05, each alone. discovery_printed are the 40 printed of the discovery half alone, discovery_confirmed those whose AUROC interval on the other half is over one half. NULL where not computed.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
WITH chosen AS (
    SELECT
        sc.contrast,
        sc.sae,
        sc.features_tested,
        s.label AS name,
        s.ordinal
    FROM sae_contrast AS sc
    JOIN contrast AS c ON c.contrast = sc.contrast
    JOIN sae AS s ON s.sae = sc.sae
    WHERE (c.name = :contrast OR (:contrast = '' AND c.contrast = (SELECT MIN(contrast) FROM contrast)))
        AND :sae IN ('', s.label, s.pinned)
),
printed AS (
    SELECT
        fc.contrast,
        fc.sae,
        fc.feature,
        fc.auroc,
        fc.q,
        fc.family_p,
        ROW_NUMBER() OVER (
            PARTITION BY fc.sae
            ORDER BY fc.study_kept DESC, fc.study_difference DESC, fc.feature
        ) AS place,
        fc.study_kept
    FROM chosen
    JOIN feature_contrast AS fc ON fc.contrast = chosen.contrast AND fc.sae = chosen.sae
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
        p.*,
        CASE WHEN p.study_kept AND p.place <= 40 THEN 1 ELSE 0 END AS in_print,
        CASE WHEN d.place <= 40 THEN 1 ELSE 0 END AS in_discovery_print,
        d.auroc_low,
        r.q AS pair_q,
        r.share_higher
    FROM printed AS p
    LEFT JOIN discovery AS d ON d.contrast = p.contrast AND d.sae = p.sae AND d.feature = p.feature
    LEFT JOIN feature_pair AS r ON r.contrast = p.contrast AND r.sae = p.sae AND r.feature = p.feature
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
