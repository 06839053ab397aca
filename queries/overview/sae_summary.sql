-- title: The sparse autoencoders of the atlas
-- description: One row for each SAE: the model, the place it reads and the precision the model ran in, how much text it has encoded, how many features fire at once on a token (L0), and how many have fired at all. Of several that bear one name the newest comes first; an older one is asked for by name and hash, as printed here.
-- database: atlas
WITH seen AS (
    SELECT
        sae,
        COUNT(*) AS corpora,
        CAST(SUM(documents) AS BIGINT) AS documents,
        CAST(SUM(tokens) AS BIGINT) AS tokens,
        CAST(SUM(activations) AS BIGINT) AS activations
    FROM sae_corpus
    GROUP BY sae
),
fired AS (
    SELECT
        sae,
        COUNT(DISTINCT feature) AS features
    FROM feature_corpus
    WHERE active_tokens > 0
    GROUP BY sae
)
SELECT
    s.label AS sae,
    s.added_at,
    m.name AS model,
    s.hook_name,
    CASE WHEN m.weights_sha256 IS NOT NULL THEN COALESCE((m.config ->> '$.precision'), 'float32') END AS precision,
    s.architecture,
    s.d_in,
    s.d_sae,
    n.context_size,
    COALESCE(seen.corpora, 0) AS corpora,
    COALESCE(seen.documents, 0) AS documents,
    COALESCE(seen.tokens, 0) AS tokens,
    1.0 * seen.activations / NULLIF(seen.tokens, 0) AS l0,
    COALESCE(fired.features, 0) AS features_fired,
    1.0 - 1.0 * COALESCE(fired.features, 0) / s.d_sae AS share_silent,
    s.neuronpedia_id,
    s.logit_weights,
    s.weights_sha256,
    s.pinned
FROM sae AS s
JOIN model AS m ON m.model = s.model
JOIN tokenization AS n ON n.tokenization = s.tokenization
LEFT JOIN seen ON seen.sae = s.sae
LEFT JOIN fired ON fired.sae = s.sae
ORDER BY s.ordinal
