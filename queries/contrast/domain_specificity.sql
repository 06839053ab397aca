-- title: The best features against each control domain
-- description: For each of the best features by AUROC on the discovery half, every domain of the controls by itself, the weakest first: a feature that is specific to the concept beats each of them, not only their union. AUROC is over all documents; specificity is the share of a domain's confirmation documents that stay below the feature's threshold; mind how few they may be.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param features: INTEGER = 10  -- how many of the best features
-- param limit: INTEGER = 400  -- most rows shown
WITH chosen AS (
    -- part: every_result_asked
),
ranked AS (
    SELECT
        fc.*,
        r.name,
        ROW_NUMBER() OVER (
            ORDER BY COALESCE(n.auroc_discovery, fc.auroc) DESC, fc.auroc DESC, fc.p, fc.sae, fc.feature
        ) AS place
    FROM feature_contrast AS fc
    JOIN chosen AS r ON r.contrast = fc.contrast AND r.sae = fc.sae
    JOIN feature_confirmation AS n ON n.contrast = fc.contrast AND n.sae = fc.sae AND n.feature = fc.feature
    WHERE fc.q IS NOT NULL
)
SELECT
    r.place,
    r.name AS sae,
    r.feature,
    r.auroc,
    d.domain,
    d.auroc AS domain_auroc,
    d.fires,
    d.documents,
    1.0 - 1.0 * d.called / NULLIF(d.documents_confirmation, 0) AS specificity,
    d.documents_confirmation
FROM ranked AS r
JOIN feature_domain AS d ON d.contrast = r.contrast AND d.sae = r.sae AND d.feature = r.feature
WHERE r.place <= CAST(:features AS INTEGER)
ORDER BY r.place, d.auroc, d.domain
LIMIT :limit
