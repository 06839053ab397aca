-- title: How features were clustered, and how far that can be trusted
-- description: Each clustering: what is alike in it, how many clusters and how that was chosen, mean silhouette beside that of shuffled coordinates (no better: there are no clusters), agreement of seeds (adjusted Rand index: 1 the same, 0 as by chance), and how far neighbours on the map are neighbours in truth.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
WITH asked AS (
    -- part: every_sae_asked
)
SELECT
    s.name AS sae,
    c.measure,
    c.features,
    c.clusters,
    c.criterion,
    c.silhouette,
    c.silhouette_shuffled,
    c.rand_mean,
    c.rand_least,
    c.seeds,
    c.seed,
    c.map_method,
    c.trustworthiness,
    c.trustworthiness_neighbours
FROM asked AS s
JOIN clustering AS c ON c.sae = s.sae
ORDER BY s.ordinal, c.measure
