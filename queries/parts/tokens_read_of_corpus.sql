-- How many tokens each SAE has read of the corpus that was asked for; where none was, in all.
SELECT
    c.sae,
    CAST(SUM(c.tokens) AS BIGINT) AS tokens
FROM sae_corpus AS c
JOIN corpus AS k ON k.corpus = c.corpus
WHERE :corpus = ''
    OR k.name = :corpus
GROUP BY c.sae
