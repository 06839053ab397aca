SELECT
    a.association,
    a.name,
    s.sae,
    s.label AS sae_name,
    s.pinned AS sae_pinned
FROM association AS a
JOIN sae_association AS sa ON sa.association = a.association
JOIN sae AS s ON s.sae = sa.sae
WHERE :name IS NULL OR a.name = :name
ORDER BY a.association, s.ordinal
