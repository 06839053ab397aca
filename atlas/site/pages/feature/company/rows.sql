SELECT
    n.rank,
    n.other_feature,
    n.tokens_both,
    n.jaccard,
    n.lift,
    (
        -- part: other_token
    ) AS token,
    c.tokens,
    (SELECT SUM(tokens) FROM sae_corpus WHERE sae = :sae) AS tokens_now
FROM feature_coactivation AS n
JOIN sae_coactivation AS c ON c.sae = n.sae
WHERE n.sae = :sae
    AND n.feature = :feature
ORDER BY n.rank
