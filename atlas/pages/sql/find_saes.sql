SELECT
    sae,
    sae_id,
    release || '/' || sae_id AS name,
    neuronpedia_id,
    d_sae
FROM sae
ORDER BY sae
