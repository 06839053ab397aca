-- The reproduction of the contrast and on the SAE that were asked for; where none was, the first. Its SAEs are named.
SELECT
    r.*,
    c.name AS contrast_name,
    s.name AS sae_name,
    o.label AS other_name,
    s.neuronpedia_id,
    o.neuronpedia_id AS other_neuronpedia_id,
    m.contrast AS matched
FROM reproduction AS r
JOIN contrast AS c ON c.contrast = r.contrast
JOIN (
    -- part: every_sae_asked
) AS s ON s.sae = r.sae
JOIN sae AS o ON o.sae = r.other_sae
LEFT JOIN contrast AS m ON m.name = r.matched_contrast
WHERE :contrast IN ('', c.name)
ORDER BY r.contrast, s.ordinal
LIMIT 1
