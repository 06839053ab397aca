-- Texts are encoded in float32: of two that differ in precision alone, that one is first.
SELECT
    s.sae,
    s.release,
    s.sae_id,
    s.label AS name,
    s.weights_sha256,
    s.config_sha256,
    (SELECT SUM(c.tokens) FROM sae_corpus AS c WHERE c.sae = s.sae) AS tokens
FROM sae AS s
JOIN model AS m ON m.model = s.model
ORDER BY
    JSON_EXTRACT(m.config, '$.precision') IS NOT NULL,
    s.ordinal
