SELECT
    v.tokenization,
    v.token_id,
    v.text
FROM vocabulary_fts AS f
JOIN vocabulary AS v ON v.rowid = f.rowid
WHERE f.text MATCH :match
ORDER BY v.tokenization, v.token_id
LIMIT 1000
