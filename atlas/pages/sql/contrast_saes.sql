SELECT
    c.contrast,
    c.name,
    c.positive,
    c.control,
    c.unit,
    s.sae,
    s.release || '/' || s.sae_id AS sae_name,
    s.tokenization,
    sc.documents_positive,
    sc.documents_control,
    sc.features_tested,
    sc.discovery_positive,
    sc.discovery_control,
    sc.pairs,
    sc.terms,
    sc.fms_root,
    sc.fms_accuracy,
    sc.fms_1,
    sc.fms_5
FROM contrast AS c
JOIN sae_contrast AS sc ON sc.contrast = c.contrast
JOIN sae AS s ON s.sae = sc.sae
WHERE :name IS NULL OR c.name = :name
ORDER BY c.contrast, s.sae
