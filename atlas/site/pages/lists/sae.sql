SELECT
    s.sae,
    s.label AS name,
    s.label,
    s.pinned,
    s.release,
    s.sae_id,
    s.hook_name,
    s.hook_layer,
    s.d_sae,
    s.neuronpedia_id,
    s.weights_sha256,
    m.name AS model
FROM sae AS s
JOIN model AS m ON m.model = s.model
WHERE s.release = :release
    AND s.sae_id = :sae_id
ORDER BY s.ordinal
