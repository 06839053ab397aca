SELECT
    c.feature,
    1.0 * SUM(c.active_tokens) / (SELECT SUM(tokens) FROM sae_corpus WHERE sae = :sae) AS density
FROM feature_corpus AS c
WHERE c.sae = :sae
    AND c.feature IN (SELECT value FROM json_each(:features))
GROUP BY c.feature
ORDER BY c.feature
