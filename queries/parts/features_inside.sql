-- Features by how much of their firing falls on the corpora that `placed` marks as inside, rather than on the others.
WITH asked AS (
    -- part: every_sae_asked
),
seen AS (
    SELECT
        c.sae,
        CAST(SUM(CASE WHEN p.inside = 1 THEN c.tokens ELSE 0 END) AS BIGINT) AS tokens,
        CAST(SUM(CASE WHEN p.inside = 1 THEN 0 ELSE c.tokens END) AS BIGINT) AS tokens_elsewhere
    FROM sae_corpus AS c
    JOIN placed AS p ON p.corpus = c.corpus
    GROUP BY c.sae
),
fired AS (
    SELECT
        c.sae,
        c.feature,
        CAST(SUM(CASE WHEN p.inside = 1 THEN c.documents ELSE 0 END) AS BIGINT) AS documents,
        CAST(SUM(CASE WHEN p.inside = 1 THEN 0 ELSE c.documents END) AS BIGINT) AS documents_elsewhere,
        CAST(SUM(CASE WHEN p.inside = 1 THEN c.active_tokens ELSE 0 END) AS BIGINT) AS active_tokens,
        CAST(SUM(CASE WHEN p.inside = 1 THEN 0 ELSE c.active_tokens END) AS BIGINT) AS active_elsewhere
    FROM feature_corpus AS c
    JOIN placed AS p ON p.corpus = c.corpus
    GROUP BY c.sae, c.feature
),
dense AS (
    SELECT
        fired.*,
        1.0 * fired.active_tokens / NULLIF(seen.tokens, 0) AS density,
        1.0 * fired.active_elsewhere / NULLIF(seen.tokens_elsewhere, 0) AS density_elsewhere
    FROM fired
    JOIN seen ON seen.sae = fired.sae
)
SELECT
    d.*,
    d.density / NULLIF(d.density + d.density_elsewhere, 0) AS specificity,
    s.tokenization,
    s.name
FROM dense AS d
JOIN asked AS s ON s.sae = d.sae
WHERE d.documents >= CAST(:min_documents AS INTEGER)
ORDER BY specificity DESC NULLS LAST, d.density DESC, d.sae, d.feature
LIMIT :limit
