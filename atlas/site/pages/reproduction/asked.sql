-- The reproductions of that contrast, or all of them.
SELECT
    c.name AS contrast,
    r.notebook,
    s.label AS sae,
    s.pinned AS sae_pinned,
    m.name AS model
FROM reproduction AS r
JOIN contrast AS c ON c.contrast = r.contrast
JOIN sae AS s ON s.sae = r.sae
JOIN model AS m ON m.model = s.model
WHERE :name IS NULL
    OR c.name = :name
ORDER BY r.contrast, s.ordinal
