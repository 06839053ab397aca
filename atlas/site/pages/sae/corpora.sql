WITH fired AS (
    SELECT
        corpus,
        COUNT(*) AS features
    FROM feature_corpus
    WHERE sae = :sae
        AND active_tokens > 0
    GROUP BY corpus
)
SELECT
    k.corpus,
    k.name,
    k.domain,
    c.documents,
    c.tokens,
    1.0 * c.activations / NULLIF(c.tokens, 0) AS l0,
    COALESCE(fired.features, 0) AS features_fired
FROM sae_corpus AS c
JOIN corpus AS k ON k.corpus = c.corpus
LEFT JOIN fired ON fired.corpus = c.corpus
WHERE c.sae = :sae
ORDER BY c.tokens DESC, k.name, k.corpus
