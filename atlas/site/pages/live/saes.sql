SELECT
    s.sae,
    s.release,
    s.sae_id,
    s.label AS name,
    s.weights_sha256,
    s.config_sha256,
    (SELECT SUM(c.tokens) FROM sae_corpus AS c WHERE c.sae = s.sae) AS tokens
FROM sae AS s
ORDER BY s.ordinal
