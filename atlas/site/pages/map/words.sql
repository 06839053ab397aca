SELECT
    f.feature,
    v.text AS token,
    f.top_logits ->> '$[0][0]' AS raises
FROM feature AS f
LEFT JOIN feature_top_token AS t ON t.sae = f.sae AND t.feature = f.feature AND t.rank = 1
LEFT JOIN vocabulary AS v ON v.tokenization = :tokenization AND v.token_id = t.token_id
WHERE f.sae = :sae
    AND f.feature IN (SELECT value FROM json_each(:features))
ORDER BY f.feature
