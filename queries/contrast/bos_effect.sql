-- title: What counting the BOS position does to the means
-- description: The study's means run over all positions, the BOS one with its huge norm included. Features by how far that moves their difference between the sides: the place with BOS counted, the place without, and the activation on BOS. Sides whose documents differ in length get a different share of it.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the first of the contrast
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_result_asked
),
placed AS (
    SELECT
        chosen.name,
        fc.*,
        ROW_NUMBER() OVER (ORDER BY fc.study_difference DESC, fc.feature) AS place_with_bos,
        ROW_NUMBER() OVER (ORDER BY fc.mean_difference DESC, fc.feature) AS place_without_bos
    FROM chosen
    JOIN feature_contrast AS fc ON fc.contrast = chosen.contrast AND fc.sae = chosen.sae
)
SELECT
    p.name AS sae,
    p.feature,
    COALESCE(b.activation, 0.0) AS bos_activation,
    p.study_positive AS positive_with_bos,
    p.mean_positive AS positive_without_bos,
    p.study_difference AS difference_with_bos,
    p.mean_difference AS difference_without_bos,
    p.study_difference - p.mean_difference AS moved_by,
    p.place_with_bos,
    p.place_without_bos,
    p.auroc,
    p.q
FROM placed AS p
LEFT JOIN bos_activation AS b ON b.sae = p.sae AND b.feature = p.feature
ORDER BY ABS(p.study_difference - p.mean_difference) DESC, p.feature
LIMIT :limit
