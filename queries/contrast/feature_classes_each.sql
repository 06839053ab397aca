-- title: A feature in each class against all others
-- description: One row for each class of a contrast computed with --class: documents it fires in, and the AUROC of the class against all others, over all documents and on each half.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature
-- param classes: VARCHAR = ''  -- name of the contrast, computed with --class; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
WITH asked AS (
    -- part: every_sae_asked
),
question AS (
    -- part: classes_asked
)
SELECT
    s.name AS sae,
    f.feature,
    f.name AS class,
    f.documents,
    f.fires,
    f.auroc,
    f.auroc_discovery,
    f.auroc_confirmation
FROM feature_class AS f
JOIN question AS q ON q.association = f.association
JOIN asked AS s ON s.sae = f.sae
WHERE f.feature = :feature
ORDER BY s.ordinal, f.class
