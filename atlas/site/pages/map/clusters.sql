SELECT
    k.cluster,
    k.features,
    k.silhouette,
    k.stability,
    k.x,
    k.y,
    (
        SELECT json_group_array(text)
        FROM (
            SELECT v.text
            FROM cluster_token AS t
            JOIN vocabulary AS v ON v.tokenization = :tokenization AND v.token_id = t.token_id
            WHERE t.clustering = k.clustering
                AND t.cluster = k.cluster
            ORDER BY t.rank
        )
    ) AS tokens,
    (
        SELECT l.label
        FROM feature_cluster AS f
        JOIN feature_label AS l ON l.sae = f.sae AND l.feature = f.feature
        WHERE f.clustering = k.clustering
            AND f.cluster = k.cluster
        ORDER BY f.silhouette DESC, f.feature, l.feature_label
        LIMIT 1
    ) AS label,
    n.tested,
    n.called,
    n.auroc,
    n.q
FROM cluster AS k
LEFT JOIN cluster_contrast AS n
    ON n.contrast = :contrast AND n.clustering = k.clustering AND n.cluster = k.cluster
WHERE k.clustering = :clustering
ORDER BY k.cluster
