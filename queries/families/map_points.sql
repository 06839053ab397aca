-- title: The map of features as a table
-- description: Every feature of a clustering with its place on the map, its cluster, and its nearest neighbours as zero-based rows of this very table with their distances: 1 - cosine of decoders, or 1 - overlap where clusters go by what fires together. As Parquet it opens in Embedding Atlas, with --x x --y y --neighbors neighbors --text tokens.
-- database: activations
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param measure: VARCHAR = 'decoder'  -- what is alike in a cluster: decoder, jaccard or pmi
WITH chosen AS (
    -- part: first_sae_asked
),
point AS (
    SELECT
        f.*,
        chosen.name,
        chosen.tokenization,
        c.measure,
        ROW_NUMBER() OVER (ORDER BY f.feature) - 1 AS place
    FROM chosen
    JOIN clustering AS c ON c.sae = chosen.sae
    JOIN feature_cluster AS f ON f.clustering = c.clustering
    WHERE c.measure = :measure
        AND f.x IS NOT NULL
),
alike AS (
    SELECT
        sae,
        feature,
        other_feature,
        1 - cosine AS distance,
        'decoder' AS measure
    FROM feature_neighbour
    UNION ALL
    SELECT
        sae,
        feature,
        other_feature,
        1 - jaccard,
        UNNEST(['jaccard', 'pmi'])
    FROM feature_coactivation
),
near AS (
    SELECT
        p.feature,
        LIST(o.place ORDER BY a.distance, o.place) AS ids,
        LIST(a.distance ORDER BY a.distance, o.place) AS distances
    FROM point AS p
    JOIN alike AS a ON a.sae = p.sae AND a.feature = p.feature AND a.measure = p.measure
    JOIN point AS o ON o.feature = a.other_feature
    GROUP BY p.feature
),
words AS (
    SELECT
        t.feature,
        STRING_AGG(v.text, ' | ' ORDER BY t.rank) FILTER (t.rank <= 5) AS tokens
    FROM point AS p
    JOIN feature_top_token AS t ON t.sae = p.sae AND t.feature = p.feature
    JOIN vocabulary AS v ON v.tokenization = p.tokenization AND v.token_id = t.token_id
    GROUP BY t.feature
),
named AS (
    SELECT
        t.clustering,
        t.cluster,
        STRING_AGG(v.text, ' | ' ORDER BY t.rank) AS name
    FROM chosen
    JOIN clustering AS c ON c.sae = chosen.sae
    JOIN cluster_token AS t ON t.clustering = c.clustering
    JOIN vocabulary AS v ON v.tokenization = chosen.tokenization AND v.token_id = t.token_id
    GROUP BY t.clustering, t.cluster
)
SELECT
    p.name AS sae,
    p.feature,
    p.x,
    p.y,
    p.cluster,
    COALESCE(named.name, 'cluster ' || p.cluster) AS cluster_name,
    words.tokens,
    (f.top_logits ->> '$[0][0]')
        || COALESCE(' | ' || (f.top_logits ->> '$[1][0]'), '')
        || COALESCE(' | ' || (f.top_logits ->> '$[2][0]'), '') AS raises,
    f.log_sparsity,
    {
        'ids': COALESCE(near.ids, []),
        'distances': COALESCE(near.distances, [])
    } AS neighbors
FROM point AS p
JOIN feature AS f ON f.sae = p.sae AND f.feature = p.feature
LEFT JOIN near ON near.feature = p.feature
LEFT JOIN words ON words.feature = p.feature
LEFT JOIN named ON named.clustering = p.clustering AND named.cluster = p.cluster
ORDER BY p.feature
