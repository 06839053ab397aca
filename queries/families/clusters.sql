-- title: Clusters of features
-- description: The clusters of an SAE's features, the largest first, with the tokens most particular to each, how stable it is over seeds (1: always found), and what a contrast says: how many of the features it tests it calls for the positive side, and q of the cluster as one, by how many of its features fire in a document.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param measure: VARCHAR = 'decoder'  -- what is alike in a cluster: decoder, jaccard or pmi
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first
-- param limit: INTEGER = 200  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
asked AS (
    -- part: contrast_asked
)
SELECT
    chosen.name AS sae,
    k.cluster,
    k.features,
    (
        SELECT
            MAX(CASE WHEN t.rank = 1 THEN v.text END)
                || COALESCE(' | ' || MAX(CASE WHEN t.rank = 2 THEN v.text END), '')
                || COALESCE(' | ' || MAX(CASE WHEN t.rank = 3 THEN v.text END), '')
                || COALESCE(' | ' || MAX(CASE WHEN t.rank = 4 THEN v.text END), '')
                || COALESCE(' | ' || MAX(CASE WHEN t.rank = 5 THEN v.text END), '')
        FROM cluster_token AS t
        JOIN vocabulary AS v ON v.tokenization = chosen.tokenization AND v.token_id = t.token_id
        WHERE t.clustering = k.clustering
            AND t.cluster = k.cluster
    ) AS tokens,
    k.silhouette,
    k.stability,
    n.tested,
    n.called,
    1.0 * n.called / NULLIF(n.tested, 0) AS share_called,
    n.auroc,
    n.q,
    (
        SELECT l.label
        FROM feature_cluster AS f
        JOIN feature_label AS l ON l.sae = f.sae AND l.feature = f.feature
        WHERE f.clustering = k.clustering
            AND f.cluster = k.cluster
        ORDER BY f.silhouette DESC, f.feature, l.feature_label
        LIMIT 1
    ) AS label_within
FROM chosen
JOIN clustering AS c ON c.sae = chosen.sae
JOIN cluster AS k ON k.clustering = c.clustering
LEFT JOIN asked ON 1 = 1
LEFT JOIN cluster_contrast AS n
    ON n.contrast = asked.contrast AND n.clustering = k.clustering AND n.cluster = k.cluster
WHERE c.measure = :measure
ORDER BY k.cluster
LIMIT :limit
