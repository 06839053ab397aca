SELECT
    a.name,
    s.label AS sae,
    a.kind,
    a.field,
    a.sets,
    sa.documents_compared,
    CASE WHEN sa.documents_hash = '' THEN 1 ELSE 0 END AS stale,
    COALESCE(t.feature, f.feature) AS best_feature,
    CASE WHEN a.kind = 'target' THEN t.rho ELSE f.epsilon_squared END AS effect
FROM sae_association AS sa
JOIN association AS a ON a.association = sa.association
JOIN sae AS s ON s.sae = sa.sae
LEFT JOIN feature_target AS t
    ON t.association = sa.association AND t.sae = sa.sae AND t.place_discovery = 1
LEFT JOIN feature_classes AS f
    ON f.association = sa.association AND f.sae = sa.sae AND f.place_discovery = 1
WHERE :sae IS NULL OR sa.sae = :sae
ORDER BY a.association, s.ordinal
