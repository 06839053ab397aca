SELECT
    s.sae,
    s.release,
    s.sae_id,
    s.release || '/' || s.sae_id AS name,
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
WHERE s.release || '/' || s.sae_id = :name
ORDER BY s.sae
LIMIT 1
