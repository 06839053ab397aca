-- title: Features that fire together with a feature
-- description: Features of the same SAE that fire on the same tokens as a given one, most alike first. Overlap is the tokens on which both fire over the tokens on which either does: 1 is always together.
-- database: activations
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param min_tokens: INTEGER = 2  -- fewest tokens on which both must fire
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
own AS (
    SELECT
        a.sae,
        a.context,
        a.position
    FROM activation AS a
    JOIN chosen ON chosen.sae = a.sae
    WHERE a.feature = :feature
),
beside AS (
    SELECT
        f.sae,
        UNNEST(f.features) AS feature
    FROM own
    JOIN firing AS f ON f.sae = own.sae AND f.context = own.context AND f.position = own.position
),
shared AS (
    SELECT
        sae,
        feature,
        COUNT(*) AS tokens_both
    FROM beside
    WHERE feature <> :feature
    GROUP BY sae, feature
    HAVING COUNT(*) >= CAST(:min_tokens AS INTEGER)
),
alone AS (
    SELECT
        c.sae,
        c.feature,
        CAST(SUM(c.active_tokens) AS BIGINT) AS tokens
    FROM feature_corpus AS c
    JOIN shared ON shared.sae = c.sae AND shared.feature = c.feature
    GROUP BY c.sae, c.feature
)
SELECT
    chosen.name AS sae,
    CAST(:feature AS INTEGER) AS feature,
    b.feature AS other_feature,
    1.0 * b.tokens_both / (n.tokens + o.tokens - b.tokens_both) AS overlap,
    b.tokens_both,
    n.tokens,
    o.tokens AS other_tokens
FROM shared AS b
JOIN alone AS o ON o.sae = b.sae AND o.feature = b.feature
CROSS JOIN (SELECT COUNT(*) AS tokens FROM own) AS n
JOIN chosen ON chosen.sae = b.sae
ORDER BY overlap DESC, b.tokens_both DESC, b.feature
LIMIT :limit
