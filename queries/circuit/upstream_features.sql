-- title: Earlier features that drive a feature
-- description: Features of earlier SAEs whose exchange moves a feature, over all patched pairs, the error of their SAE kept: in how many pairs they differ, and the mean share of the difference that they bring (denoised) and take (noised) there, over their positions. First those that bring most over all pairs, 0 where they do not differ (denoised_all); those that move less than min_share either way are left out.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature that is driven
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param min_pairs: INTEGER = 1  -- least number of pairs
-- param min_share: DOUBLE = 0.01  -- least share of the difference, brought or taken, a mean over all pairs; 0: all
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
patched AS (
    SELECT p.patch_pair
    FROM chosen
    JOIN patch_pair AS p ON p.sae = chosen.sae AND p.feature = :feature
    WHERE ABS(p.clean_value - p.corrupted_value) > p.least_difference
),
counted AS (
    SELECT COUNT(*) AS pairs
    FROM patched
),
summed AS (
    SELECT
        e.patch_pair,
        e.sae,
        e.feature,
        SUM(e.denoised_effect) AS denoised,
        SUM(1 - e.noised_effect) AS noised
    FROM patched
    JOIN patch_effect AS e ON e.patch_pair = patched.patch_pair
    WHERE e.kind = 'feature'
    GROUP BY e.patch_pair, e.sae, e.feature
),
of_each AS (
    SELECT
        sae,
        feature,
        COUNT(*) AS pairs,
        AVG(denoised) AS denoised,
        AVG(noised) AS noised,
        SUM(denoised) AS sum_denoised,
        SUM(noised) AS sum_noised
    FROM summed
    GROUP BY sae, feature
)
SELECT
    s.label AS upstream_sae,
    of_each.feature AS upstream_feature,
    of_each.pairs,
    counted.pairs AS all_pairs,
    of_each.denoised,
    of_each.noised,
    of_each.sum_denoised / counted.pairs AS denoised_all,
    of_each.sum_noised / counted.pairs AS noised_all
FROM of_each
CROSS JOIN counted
JOIN sae AS s ON s.sae = of_each.sae
WHERE of_each.pairs >= :min_pairs
    AND (
        ABS(of_each.sum_denoised) >= CAST(:min_share AS DOUBLE PRECISION) * counted.pairs
        OR ABS(of_each.sum_noised) >= CAST(:min_share AS DOUBLE PRECISION) * counted.pairs
    )
ORDER BY denoised_all DESC, s.ordinal, of_each.feature
LIMIT :limit
