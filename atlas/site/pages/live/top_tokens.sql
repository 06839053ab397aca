SELECT
    t.feature,
    v.text
FROM feature_top_token AS t
JOIN sae AS s ON s.sae = t.sae
JOIN vocabulary AS v ON v.tokenization = s.tokenization AND v.token_id = t.token_id
WHERE t.sae = :sae
    AND t.feature IN (SELECT value FROM json_each(:features))
    AND t.rank <= :tokens
ORDER BY t.feature, t.rank
