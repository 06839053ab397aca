-- title: Features that go with a number of the documents
-- description: Spearman's rank correlation of each feature's score with the number, the largest on the discovery half first. rho, p, q and family_p are of all documents; rho_confirmation with its interval (bootstrap over groups) is of the other half, and confirmed says that the interval lies on the side of 0 that discovery says. NULL halves: fewer than 5 groups.
-- database: atlas
-- param target: VARCHAR = ''  -- name of the contrast, computed with --target; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param max_q: DOUBLE = 1  -- largest q shown; 1 shows all, the untested too
-- param limit: INTEGER = 40  -- most rows shown
WITH asked AS (
    -- part: every_sae_asked
),
question AS (
    SELECT *
    FROM association
    WHERE kind = 'target'
        AND (
            name = :target
            OR (:target = '' AND association = (SELECT MIN(association) FROM association WHERE kind = 'target'))
        )
),
best AS (
    SELECT
        f.*,
        q.field,
        s.name,
        s.ordinal
    FROM feature_target AS f
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
    b.field,
    b.fires,
    b.rho,
    b.p,
    b.q,
    b.family_p,
    b.rho_discovery,
    b.q_discovery,
    b.rho_confirmation,
    b.rho_low,
    b.rho_high,
    CAST(b.confirmed AS INTEGER) AS confirmed,
    b.place_discovery
FROM best AS b
LEFT JOIN top_token AS t ON t.sae = b.sae AND t.feature = b.feature AND t.rank = 1
ORDER BY b.place_discovery, b.ordinal
