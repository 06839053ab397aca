SELECT
    c.contrast,
    c.name,
    c.positive,
    c.control,
    c.unit,
    s.sae,
    s.label AS sae_name,
    s.pinned AS sae_pinned,
    s.tokenization,
    sc.documents_positive,
    sc.documents_control,
    sc.groups_positive,
    sc.groups_control,
    sc.length_positive_q1,
    sc.length_positive_median,
    sc.length_positive_q3,
    sc.length_control_q1,
    sc.length_control_median,
    sc.length_control_q3,
    sc.length_p,
    sc.features_tested,
    sc.discovery_positive,
    sc.discovery_control,
    sc.pairs,
    sc.terms,
    sc.fms_root,
    sc.fms_accuracy,
    sc.fms_1,
    sc.fms_5,
    CASE WHEN sc.documents_hash = '' THEN 1 ELSE 0 END AS stale
FROM contrast AS c
JOIN sae_contrast AS sc ON sc.contrast = c.contrast
JOIN sae AS s ON s.sae = sc.sae
WHERE :name IS NULL OR c.name = :name
ORDER BY c.contrast, s.ordinal
