SELECT
    s.sae,
    s.release,
    s.sae_id,
    s.label AS name,
    s.weights_sha256,
    s.config_sha256
FROM sae AS s
ORDER BY s.ordinal
