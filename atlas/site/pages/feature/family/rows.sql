SELECT
    c.measure,
    f.cluster,
    k.features,
    k.stability,
    f.silhouette,
    f.x,
    f.y,
    (
        SELECT json_group_array(text)
        FROM (
            SELECT v.text
            FROM cluster_token AS t
            JOIN vocabulary AS v ON v.tokenization = :tokenization AND v.token_id = t.token_id
            WHERE t.clustering = f.clustering
                AND t.cluster = f.cluster
            ORDER BY t.rank
        )
    ) AS tokens,
    (
        SELECT json_group_array(feature)
        FROM (
            SELECT o.feature
            FROM feature_cluster AS o
            WHERE o.clustering = f.clustering
                AND o.cluster = f.cluster
                AND o.feature <> :feature
            ORDER BY o.silhouette DESC, o.feature
            LIMIT :limit
        )
    ) AS typical
FROM feature_cluster AS f
JOIN clustering AS c ON c.clustering = f.clustering
JOIN cluster AS k ON k.clustering = f.clustering AND k.cluster = f.cluster
WHERE f.sae = :sae
    AND f.feature = :feature
ORDER BY c.measure
