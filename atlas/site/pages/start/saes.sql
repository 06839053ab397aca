SELECT
    s.sae,
    s.label AS name,
    m.name AS model,
    s.hook_name,
    s.d_sae,
    SUM(c.tokens) AS tokens,
    1.0 * SUM(c.activations) / NULLIF(SUM(c.tokens), 0) AS l0
FROM sae AS s
JOIN model AS m ON m.model = s.model
LEFT JOIN sae_corpus AS c ON c.sae = s.sae
GROUP BY s.sae, s.label, s.ordinal, m.name, s.hook_name, s.d_sae
ORDER BY s.ordinal
