-- The tokens on which each feature fires most, in words.
SELECT
    t.sae,
    t.feature,
    t.rank,
    t.active_tokens,
    v.text
FROM feature_top_token AS t
JOIN sae AS s ON s.sae = t.sae
JOIN vocabulary AS v ON v.tokenization = s.tokenization AND v.token_id = t.token_id
