-- The list that the study's method prints, in its order, of each contrast and SAE in `chosen`.
SELECT
    fc.*,
    ROW_NUMBER() OVER (
        PARTITION BY fc.contrast, fc.sae
        ORDER BY fc.study_difference DESC, fc.feature
    ) AS place
FROM chosen
JOIN feature_contrast AS fc ON fc.contrast = chosen.contrast AND fc.sae = chosen.sae
WHERE fc.study_kept
    AND fc.study_difference > 0
