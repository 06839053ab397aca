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
placed AS (
    SELECT
        k.corpus,
        CASE WHEN k.domain = target.domain THEN 1 ELSE 0 END AS inside
    FROM corpus AS k
    CROSS JOIN target
),
ranked AS (
    -- part: features_inside
),
top_token AS (
    -- part: top_tokens
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
    (SELECT t.text FROM top_token AS t WHERE t.sae = r.sae AND t.feature = r.feature AND t.rank = 1) AS top_token
FROM ranked AS r
CROSS JOIN target
ORDER BY r.specificity DESC NULLS LAST, r.density DESC, r.sae, r.feature
