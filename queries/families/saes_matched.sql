-- title: How much of one SAE is found in another
-- description: Of each two SAEs that were compared: how many features have a best match above chance (the 95th percentile of best matches where directions are random, or tokens do not belong together), how many are each other's best, and how many are split there.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
WITH asked AS (
    -- part: every_sae_asked
),
best AS (
    SELECT
        m.sae,
        m.other_sae,
        m.measure,
        COUNT(*) AS matched,
        SUM(CASE WHEN m.mutual THEN 1 ELSE 0 END) AS mutual,
        SUM(
            CASE
                WHEN m.measure = 'cosine' AND m.cosine > c.chance_cosine THEN 1
                WHEN m.measure = 'correlation' AND m.correlation > c.chance_correlation THEN 1
                ELSE 0
            END
        ) AS above_chance,
        SUM(CASE WHEN m.siblings > 1 THEN 1 ELSE 0 END) AS parts
    FROM feature_match AS m
    JOIN sae_match AS c ON c.sae = m.sae AND c.other_sae = m.other_sae
    WHERE m.rank = 1
    GROUP BY m.sae, m.other_sae, m.measure
)
SELECT
    s.name AS sae,
    there.label AS other_sae,
    best.measure,
    c.tokens,
    best.matched AS features,
    CAST(best.above_chance AS BIGINT) AS above_chance,
    CAST(best.mutual AS BIGINT) AS mutual,
    CAST(best.parts AS BIGINT) AS parts,
    CASE best.measure WHEN 'cosine' THEN c.chance_cosine ELSE c.chance_correlation END AS chance
FROM asked AS s
JOIN best ON best.sae = s.sae
JOIN sae_match AS c ON c.sae = best.sae AND c.other_sae = best.other_sae
JOIN sae AS there ON there.sae = best.other_sae
ORDER BY s.ordinal, there.ordinal, best.measure
