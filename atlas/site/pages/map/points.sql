SELECT
    f.feature,
    f.cluster,
    f.silhouette,
    f.x,
    f.y,
    COALESCE(n.q <= 0.05 AND n.auroc > 0.5, 0) AS called
FROM feature_cluster AS f
LEFT JOIN feature_contrast AS n ON n.contrast = :contrast AND n.sae = f.sae AND n.feature = f.feature
WHERE f.clustering = :clustering
    AND f.x IS NOT NULL
ORDER BY f.feature
