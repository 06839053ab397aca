SELECT
    i.format,
    i.source,
    i.dataset,
    f.density,
    f.max_activation
FROM sae_import AS i
LEFT JOIN feature_import AS f ON f.sae = i.sae AND f.feature = :feature
WHERE i.sae = :sae
