SELECT
    e.sentence,
    e.activation,
    e.document,
    k.name AS corpus
FROM example AS e
JOIN corpus AS k ON k.corpus = e.corpus
WHERE e.sae = :sae
    AND e.feature = :feature
    AND e.sampling = 'top'
ORDER BY e.activation DESC, e.context, e.corpus
LIMIT 1
