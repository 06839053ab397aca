-- title: Features of a cluster
-- description: The features of one cluster, the most typical first (silhouette; below 0 a feature lies nearer to another cluster), with the tokens that they fire on and raise, and their place on the map.
-- database: atlas
-- param cluster: INTEGER  -- number of the cluster, 0 is the largest
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param measure: VARCHAR = 'decoder'  -- what is alike in a cluster: decoder, jaccard or pmi
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
shown AS (
    SELECT
        f.sae,
        f.feature,
        f.cluster,
        f.silhouette,
        f.x,
        f.y,
        chosen.name,
        chosen.tokenization
    FROM chosen
    JOIN clustering AS c ON c.sae = chosen.sae
    JOIN feature_cluster AS f ON f.clustering = c.clustering
    WHERE c.measure = :measure
        AND f.cluster = CAST(:cluster AS INTEGER)
    ORDER BY f.silhouette DESC, f.feature
    LIMIT :limit
),
top_token AS (
    -- part: top_tokens
),
words AS (
    SELECT
        s.sae,
        s.feature,
        MAX(CASE WHEN t.rank = 1 THEN t.text END)
            || COALESCE(' | ' || MAX(CASE WHEN t.rank = 2 THEN t.text END), '')
            || COALESCE(' | ' || MAX(CASE WHEN t.rank = 3 THEN t.text END), '') AS top_tokens
    FROM shown AS s
    CROSS JOIN top_token AS t
    WHERE t.sae = s.sae
        AND t.feature = s.feature
        AND t.rank <= 3
    GROUP BY s.sae, s.feature
)
SELECT
    s.name AS sae,
    s.cluster,
    s.feature,
    s.silhouette,
    words.top_tokens,
    (w.top_logits ->> '$[0][0]')
        || COALESCE(' | ' || (w.top_logits ->> '$[1][0]'), '')
        || COALESCE(' | ' || (w.top_logits ->> '$[2][0]'), '') AS raises,
    s.x,
    s.y
FROM shown AS s
JOIN feature AS w ON w.sae = s.sae AND w.feature = s.feature
LEFT JOIN words ON words.sae = s.sae AND words.feature = s.feature
ORDER BY s.silhouette DESC, s.feature
