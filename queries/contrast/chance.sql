-- title: What a contrast finds under shuffled labels
-- description: The permutation null of each SAE beside what was found: features called at q <= 0.05 (under shuffles before q is raised), the smallest p and the largest AUROC, against the same under shuffles of whole groups. family_p is the chance that any feature at all does as well as the best one (NULL: to be computed again); with no null stored there is no row; atlas contrast stores one.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
WITH chosen AS (
    -- part: every_result_asked
),
found AS (
    SELECT
        fc.contrast,
        fc.sae,
        SUM(CASE WHEN fc.q <= 0.05 THEN 1 ELSE 0 END) AS discoveries,
        MIN(CASE WHEN fc.q IS NOT NULL THEN fc.p END) AS min_p,
        MAX(CASE WHEN fc.q IS NOT NULL THEN fc.auroc END) AS max_auroc,
        MIN(fc.family_p) AS family_p
    FROM feature_contrast AS fc
    GROUP BY fc.contrast, fc.sae
),
placed AS (
    SELECT
        n.*,
        ROW_NUMBER() OVER (PARTITION BY n.contrast, n.sae ORDER BY n.min_p, n.shuffle) AS place_p,
        ROW_NUMBER() OVER (PARTITION BY n.contrast, n.sae ORDER BY n.max_auroc DESC, n.shuffle) AS place_auroc,
        COUNT(*) OVER (PARTITION BY n.contrast, n.sae) AS shuffles
    FROM contrast_null AS n
)
SELECT
    r.name AS sae,
    CAST(MAX(f.discoveries) AS BIGINT) AS discoveries,
    COUNT(*) AS shuffles,
    CAST(SUM(CASE WHEN n.discoveries > 0 THEN 1 ELSE 0 END) AS BIGINT) AS shuffles_with_any,
    1.0 * SUM(CASE WHEN n.discoveries > 0 THEN 1 ELSE 0 END) / COUNT(*) AS share_with_any,
    1.0 * SUM(n.discoveries) / COUNT(*) AS mean_discoveries_by_chance,
    MAX(f.min_p) AS min_p,
    MAX(CASE WHEN 20 * n.place_p <= n.shuffles + 1 THEN n.min_p END) AS min_p_by_chance,
    MAX(f.max_auroc) AS max_auroc,
    MIN(CASE WHEN 20 * n.place_auroc <= n.shuffles + 1 THEN n.max_auroc END) AS max_auroc_by_chance,
    MIN(f.family_p) AS family_p,
    MAX(n.seed) AS seed
FROM placed AS n
JOIN chosen AS r ON r.contrast = n.contrast AND r.sae = n.sae
JOIN found AS f ON f.contrast = n.contrast AND f.sae = n.sae
GROUP BY n.sae, r.name, r.ordinal
ORDER BY r.ordinal
