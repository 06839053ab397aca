SELECT
    s.sae,
    s.release,
    s.sae_id,
    s.label AS name,
    s.pinned,
    s.added_at,
    s.hook_name,
    s.hook_layer,
    s.architecture,
    s.d_in,
    s.d_sae,
    s.neuronpedia_id,
    s.logit_weights,
    s.tokenization,
    m.name AS model
FROM sae AS s
JOIN model AS m ON m.model = s.model
WHERE :name IN (s.label, s.pinned)
ORDER BY s.ordinal
LIMIT 1
