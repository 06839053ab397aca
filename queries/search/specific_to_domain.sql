-- title: Features specific to a domain
-- description: Features that fire in the corpora of one domain rather than in those of the others. Specificity is the density in the domain over the sum of the densities in it and in all the others: 1 is only here, 0.5 is alike.
-- database: atlas
-- param domain: VARCHAR = ''  -- domain; empty: that of the first corpus
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param min_documents: INTEGER = 3  -- fewest documents of it that the feature must fire in
-- param limit: INTEGER = 40  -- most rows shown
WITH target AS (
    SELECT domain
    FROM corpus
    WHERE :domain = '' OR domain = :domain
    ORDER BY corpus
    LIMIT 1
),
seen AS (
    SELECT
        c.sae,
        CAST(SUM(CASE WHEN k.domain = target.domain THEN c.tokens ELSE 0 END) AS BIGINT) AS tokens,
        CAST(SUM(CASE WHEN k.domain = target.domain THEN 0 ELSE c.tokens END) AS BIGINT) AS tokens_elsewhere
    FROM sae_corpus AS c
    JOIN corpus AS k ON k.corpus = c.corpus
    CROSS JOIN target
    GROUP BY c.sae
),
fired AS (
    SELECT
        c.sae,
        c.feature,
        CAST(SUM(CASE WHEN k.domain = target.domain THEN c.documents ELSE 0 END) AS BIGINT) AS documents,
        CAST(SUM(CASE WHEN k.domain = target.domain THEN 0 ELSE c.documents END) AS BIGINT) AS documents_elsewhere,
        CAST(SUM(CASE WHEN k.domain = target.domain THEN c.active_tokens ELSE 0 END) AS BIGINT) AS active_tokens,
        CAST(SUM(CASE WHEN k.domain = target.domain THEN 0 ELSE c.active_tokens END) AS BIGINT) AS active_elsewhere
    FROM feature_corpus AS c
    JOIN corpus AS k ON k.corpus = c.corpus
    CROSS JOIN target
    GROUP BY c.sae, c.feature
),
dense AS (
    SELECT
        fired.*,
        1.0 * fired.active_tokens / NULLIF(seen.tokens, 0) AS density,
        1.0 * fired.active_elsewhere / NULLIF(seen.tokens_elsewhere, 0) AS density_elsewhere
    FROM fired
    JOIN seen ON seen.sae = fired.sae
),
ranked AS (
    SELECT
        d.*,
        d.density / NULLIF(d.density + d.density_elsewhere, 0) AS specificity,
        s.tokenization,
        s.label AS name
    FROM dense AS d
    JOIN sae AS s ON s.sae = d.sae
    WHERE d.documents >= CAST(:min_documents AS INTEGER)
        AND :sae IN ('', s.label, s.pinned)
    ORDER BY specificity DESC NULLS LAST, d.density DESC, d.sae, d.feature
    LIMIT :limit
)
SELECT
    target.domain,
    r.name AS sae,
    r.feature,
    r.specificity,
    r.density,
    r.density_elsewhere,
    r.density - r.density_elsewhere AS density_difference,
    r.documents,
    r.documents_elsewhere,
    (
        SELECT v.text
        FROM feature_top_token AS t
        JOIN vocabulary AS v ON v.tokenization = r.tokenization AND v.token_id = t.token_id
        WHERE t.sae = r.sae
            AND t.feature = r.feature
            AND t.rank = 1
    ) AS top_token
FROM ranked AS r
CROSS JOIN target
ORDER BY r.specificity DESC NULLS LAST, r.density DESC, r.sae, r.feature
