SELECT
    s.sae,
    s.label,
    s.release,
    s.sae_id,
    s.hook_name,
    s.hook_layer,
    s.neuronpedia_id,
    m.name AS model,
    s.pinned
FROM sae AS s
JOIN model AS m ON m.model = s.model
ORDER BY s.ordinal
