SELECT
    n.rank,
    n.other_feature,
    n.cosine,
    (
        SELECT v.text
        FROM feature_top_token AS t
        JOIN vocabulary AS v ON v.tokenization = :tokenization AND v.token_id = t.token_id
        WHERE t.sae = n.sae
            AND t.feature = n.other_feature
            AND t.rank = 1
    ) AS token,
    f.top_logits ->> '$[0][0]' AS raises
FROM feature_neighbour AS n
LEFT JOIN feature AS f ON f.sae = n.sae AND f.feature = n.other_feature
WHERE n.sae = :sae
    AND n.feature = :feature
ORDER BY n.rank, n.other_feature
LIMIT :limit
