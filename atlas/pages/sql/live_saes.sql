SELECT
    s.sae,
    s.release,
    s.sae_id,
    s.release || '/' || s.sae_id AS name,
    s.weights_sha256
FROM sae AS s
ORDER BY s.sae
