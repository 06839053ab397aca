SELECT
    m.value,
    m.class,
    m.split,
    COALESCE(CASE WHEN :unit = 'window' THEN f.window_max ELSE f.max_activation END, 0) AS score
FROM association_document AS m
LEFT JOIN feature_document AS f ON f.sae = m.sae AND f.feature = :feature AND f.document = m.document
WHERE m.association = :association
    AND m.sae = :sae
ORDER BY md5(CAST(m.document AS VARCHAR)), m.document
LIMIT :limit
