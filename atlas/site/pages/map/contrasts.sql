SELECT
    c.contrast,
    c.name
FROM contrast AS c
JOIN sae_contrast AS s ON s.contrast = c.contrast
WHERE s.sae = :sae
ORDER BY c.contrast
