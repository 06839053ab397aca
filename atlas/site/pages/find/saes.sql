SELECT
    sae,
    sae_id,
    label AS name,
    pinned,
    neuronpedia_id,
    d_sae
FROM sae
ORDER BY ordinal
