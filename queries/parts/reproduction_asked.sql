-- The reproduction of the contrast that was asked for; where none was, the first. Its SAEs are named.
SELECT
    r.*,
    c.name AS contrast_name,
    s.label AS sae_name,
    o.label AS other_name,
    s.neuronpedia_id,
    o.neuronpedia_id AS other_neuronpedia_id,
    m.contrast AS matched
FROM reproduction AS r
JOIN contrast AS c ON c.contrast = r.contrast
JOIN sae AS s ON s.sae = r.sae
JOIN sae AS o ON o.sae = r.other_sae
LEFT JOIN contrast AS m ON m.name = r.matched_contrast
WHERE c.name = :contrast
    OR (:contrast = '' AND r.contrast = (SELECT MIN(contrast) FROM reproduction))
