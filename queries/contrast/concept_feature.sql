-- title: FMS: does one feature hold the concept?
-- description: The feature monosemanticity score of each SAE for a contrast (Härle et al. 2025) with its parts: the root feature's accuracy alone, what is lost without it (local), what others add to it (global). Measured on the confirmation half, intervals of 95 % over its groups; accuracy_by_chance is its larger side's share, and the scale supposes sides of like size. Beside it, where the root stands by AUROC.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first
WITH asked AS (
    -- part: contrast_asked
),
placed AS (
    SELECT
        fc.*,
        ROW_NUMBER() OVER (PARTITION BY fc.contrast, fc.sae ORDER BY fc.auroc DESC, fc.p, fc.feature) AS place
    FROM feature_contrast AS fc
)
SELECT
    s.label AS sae,
    sc.fms_root,
    sc.fms_1,
    sc.fms_1_low,
    sc.fms_1_high,
    sc.fms_5,
    sc.fms_5_low,
    sc.fms_5_high,
    sc.fms_accuracy,
    sc.fms_accuracy_low,
    sc.fms_accuracy_high,
    sc.fms_local_1,
    sc.fms_local_5,
    sc.fms_global,
    sc.fms_chance AS accuracy_by_chance,
    p.auroc AS root_auroc,
    p.place AS root_place_by_auroc
FROM sae_contrast AS sc
JOIN asked AS c ON c.contrast = sc.contrast
JOIN sae AS s ON s.sae = sc.sae
LEFT JOIN placed AS p ON p.contrast = sc.contrast AND p.sae = sc.sae AND p.feature = sc.fms_root
ORDER BY s.ordinal
