-- title: What writes onto a feature
-- description: What every part of the model adds to what a feature's encoder reads, over all prompts taken apart; heads over all the positions that they read from. The parts of one prompt add up to its pre-activation.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
written AS (
    SELECT
        d.direct_attribution,
        p.kind,
        p.layer,
        p.head,
        SUM(p.value) AS value
    FROM chosen
    JOIN direct_attribution AS d ON d.sae = chosen.sae AND d.feature = :feature
    JOIN direct_part AS p ON p.direct_attribution = d.direct_attribution
    GROUP BY d.direct_attribution, p.kind, p.layer, p.head
)
SELECT
    kind,
    layer,
    head,
    COUNT(*) AS prompts,
    AVG(value) AS mean_value,
    AVG(ABS(value)) AS mean_size
FROM written
GROUP BY kind, layer, head
ORDER BY mean_size DESC, kind, layer, head
LIMIT :limit
