SELECT
    e.sentence,
    e.activation,
    e.document,
    d.external_id,
    k.name AS corpus,
    m.value,
    m.class
FROM example AS e
JOIN document AS d ON d.document = e.document
JOIN corpus AS k ON k.corpus = e.corpus
LEFT JOIN association_document AS m
    ON m.association = :association AND m.sae = e.sae AND m.document = e.document
WHERE e.sae = :sae
    AND e.feature = :feature
    AND e.sampling = 'top'
ORDER BY
    CASE WHEN m.document IS NULL THEN 1 ELSE 0 END,
    e.activation DESC,
    e.context,
    e.corpus
LIMIT :limit
