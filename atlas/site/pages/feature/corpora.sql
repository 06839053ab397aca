SELECT
    k.corpus,
    k.name,
    k.domain,
    read.documents AS documents_read,
    read.tokens AS tokens_read,
    COALESCE(c.documents, 0) AS documents,
    COALESCE(c.active_tokens, 0) AS active_tokens,
    COALESCE(c.density, 0.0) AS density,
    COALESCE(c.mean, 0.0) AS mean,
    c.std,
    c.skewness,
    c.kurtosis,
    c.mean_active,
    c.std_active,
    c.max_activation
FROM sae_corpus AS read
JOIN corpus AS k ON k.corpus = read.corpus
LEFT JOIN feature_corpus AS c ON c.sae = read.sae AND c.corpus = read.corpus AND c.feature = :feature
WHERE read.sae = :sae
    AND read.tokens > 0
ORDER BY density DESC, k.name
