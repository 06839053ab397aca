-- title: Numbers and classes asked of features, and what was found
-- description: One row for each contrast with a number of documents (--target) or several classes (--class), and each SAE: what is asked, documents and groups compared, groups whose documents differ in it (they exchange it among themselves only), the effect of length with its p, features tested, at q <= 0.05, and the share of shuffles in which Benjamini-Hochberg alone calls any.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
WITH asked AS (
    -- part: every_sae_asked
),
either AS (
    SELECT
        association,
        sae,
        q
    FROM feature_target
    UNION ALL
    SELECT
        association,
        sae,
        q
    FROM feature_classes
),
found AS (
    SELECT
        association,
        sae,
        CAST(SUM(CASE WHEN q <= 0.05 THEN 1 ELSE 0 END) AS BIGINT) AS at_q
    FROM either
    GROUP BY association, sae
),
shuffled AS (
    SELECT
        association,
        sae,
        COUNT(*) AS shuffles,
        1.0 * SUM(CASE WHEN discoveries > 0 THEN 1 ELSE 0 END) / COUNT(*) AS shuffles_with_any
    FROM association_null
    GROUP BY association, sae
)
SELECT
    a.name AS contrast,
    s.name AS sae,
    a.kind,
    a.field,
    CAST(a.sets AS VARCHAR) AS sets,
    a.unit,
    sa.documents_compared,
    sa.documents_without,
    sa.groups_compared,
    sa.groups_mixed,
    sa.groups_discovery,
    sa.groups_confirmation,
    sa.length_effect,
    sa.length_p,
    sa.features_tested,
    COALESCE(found.at_q, 0) AS at_q,
    shuffled.shuffles,
    shuffled.shuffles_with_any,
    CASE WHEN sa.documents_hash = '' THEN 'to be computed again' ELSE 'up to date' END AS state
FROM sae_association AS sa
JOIN association AS a ON a.association = sa.association
JOIN asked AS s ON s.sae = sa.sae
LEFT JOIN found ON found.association = sa.association AND found.sae = sa.sae
LEFT JOIN shuffled ON shuffled.association = sa.association AND shuffled.sae = sa.sae
ORDER BY a.association, s.ordinal
