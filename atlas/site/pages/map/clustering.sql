SELECT
    c.clustering,
    c.measure,
    c.features,
    c.clusters,
    c.criterion,
    c.silhouette,
    c.silhouette_shuffled,
    c.seeds,
    c.rand_mean,
    c.rand_least,
    c.map_method,
    c.map_parameters,
    c.trustworthiness,
    c.trustworthiness_neighbours
FROM clustering AS c
WHERE c.sae = :sae
ORDER BY c.measure
