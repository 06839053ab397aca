-- How many tokens each SAE has read.
SELECT
    sae,
    CAST(SUM(tokens) AS BIGINT) AS tokens
FROM sae_corpus
GROUP BY sae
