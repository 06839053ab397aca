SELECT
    min_p,
    max_auroc,
    discoveries
FROM contrast_null
WHERE contrast = :contrast
    AND sae = :sae
ORDER BY shuffle
