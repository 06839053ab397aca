-- title: The contrasts, and what each has found
-- description: One row for each contrast and SAE: the documents compared, of how many groups (books, laws, templates), the quartiles of the tokens compared of each and the p of their difference, how many features were tested, how many favour each side at a false-discovery rate of 5 %, and the feature of the largest AUROC. State: whether it is to be computed again.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
WITH asked AS (
    -- part: every_sae_asked
),
placed AS (
    SELECT
        contrast,
        sae,
        feature,
        auroc,
        q,
        ROW_NUMBER() OVER (PARTITION BY contrast, sae ORDER BY auroc DESC, p, feature) AS place
    FROM feature_contrast
),
found AS (
    SELECT
        contrast,
        sae,
        CAST(SUM(CASE WHEN q <= 0.05 AND auroc > 0.5 THEN 1 ELSE 0 END) AS BIGINT) AS favouring_positive,
        CAST(SUM(CASE WHEN q <= 0.05 AND auroc < 0.5 THEN 1 ELSE 0 END) AS BIGINT) AS favouring_control,
        MAX(CASE WHEN place = 1 THEN feature END) AS best_feature,
        MAX(CASE WHEN place = 1 THEN auroc END) AS best_auroc
    FROM placed
    GROUP BY contrast, sae
)
SELECT
    c.name AS contrast,
    s.name AS sae,
    CAST(c.positive AS VARCHAR) AS positive,
    CAST(c.control AS VARCHAR) AS control,
    c.unit,
    sc.documents_positive,
    sc.documents_control,
    sc.groups_positive,
    sc.groups_control,
    sc.length_positive_q1,
    sc.length_positive_median,
    sc.length_positive_q3,
    sc.length_control_q1,
    sc.length_control_median,
    sc.length_control_q3,
    sc.length_p,
    sc.features_tested,
    COALESCE(found.favouring_positive, 0) AS favouring_positive,
    COALESCE(found.favouring_control, 0) AS favouring_control,
    found.best_feature,
    found.best_auroc,
    CASE WHEN sc.documents_hash = '' THEN 'to be computed again' ELSE 'up to date' END AS state
FROM sae_contrast AS sc
JOIN contrast AS c ON c.contrast = sc.contrast
JOIN asked AS s ON s.sae = sc.sae
LEFT JOIN found ON found.contrast = sc.contrast AND found.sae = sc.sae
ORDER BY c.contrast, s.ordinal
