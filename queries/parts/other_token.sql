-- The token that another feature `n.other_feature` of an SAE fires most on.
SELECT v.text
FROM feature_top_token AS t
JOIN vocabulary AS v ON v.tokenization = :tokenization AND v.token_id = t.token_id
WHERE t.sae = n.sae
    AND t.feature = n.other_feature
    AND t.rank = 1
