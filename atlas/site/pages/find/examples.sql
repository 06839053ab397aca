SELECT
    s.label AS sae,
    e.feature,
    e.sentence
FROM (
    SELECT rowid
    FROM example_fts
    WHERE sentence MATCH :match
    LIMIT :limit
) AS f
JOIN example AS e ON e.rowid = f.rowid
JOIN sae AS s ON s.sae = e.sae
WHERE e.sampling = 'top'
ORDER BY e.sae, e.feature, e.corpus, e.octave, e.rank
