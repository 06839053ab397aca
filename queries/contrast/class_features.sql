-- title: Features that differ between several classes of documents
-- description: Kruskal and Wallis's test of each feature between the classes, the largest effect (epsilon squared, 0 to 1) on the discovery half first. h, epsilon_squared, p, q and family_p are of all documents. best_class has the largest AUROC against all others on the discovery half; auroc_confirmed with its interval judges that class on the other half. NULL halves: fewer than 5 groups of a class.
-- database: atlas
-- param classes: VARCHAR = ''  -- name of the contrast, computed with --class; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param max_q: DOUBLE = 1  -- largest q shown; 1 shows all, the untested too
-- param limit: INTEGER = 40  -- most rows shown
WITH asked AS (
    -- part: every_sae_asked
),
question AS (
    -- part: classes_asked
),
best AS (
    SELECT
        f.*,
        s.name,
        s.ordinal
    FROM feature_classes AS f
    JOIN question AS q ON q.association = f.association
    JOIN asked AS s ON s.sae = f.sae
    WHERE COALESCE(f.q, 1.0) <= CAST(:max_q AS DOUBLE)
    ORDER BY f.place_discovery, f.sae
    LIMIT :limit
),
top_token AS (
    -- part: top_tokens
)
SELECT
    b.name AS sae,
    b.feature,
    t.text AS top_token,
    c.name AS best_class,
    b.fires,
    b.h,
    b.epsilon_squared,
    b.p,
    b.q,
    b.family_p,
    b.epsilon_discovery,
    b.q_discovery,
    b.epsilon_confirmation,
    b.auroc_discovery,
    b.auroc AS auroc_confirmed,
    b.auroc_low,
    b.auroc_high,
    b.place_discovery
FROM best AS b
LEFT JOIN top_token AS t ON t.sae = b.sae AND t.feature = b.feature AND t.rank = 1
LEFT JOIN feature_class AS c
    ON c.association = b.association AND c.sae = b.sae AND c.feature = b.feature AND c.class = b.best_class
ORDER BY b.place_discovery, b.ordinal
