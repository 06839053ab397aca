WITH summed AS (
    SELECT
        p.patch_pair,
        p.sae,
        p.feature,
        SUM(e.denoised_effect) AS denoised,
        SUM(1 - e.noised_effect) AS noised
    FROM patch_effect AS e
    JOIN patch_pair AS p ON p.patch_pair = e.patch_pair
    WHERE e.sae = :sae
        AND e.feature = :feature
        AND p.metric = 'pre_activation'
        AND e.denoised_effect IS NOT NULL
    GROUP BY p.patch_pair, p.sae, p.feature
)
SELECT
    s.label AS sae_name,
    summed.feature,
    COUNT(*) AS pairs,
    AVG(summed.denoised) AS denoised,
    AVG(summed.noised) AS noised
FROM summed
JOIN sae AS s ON s.sae = summed.sae
GROUP BY s.label, s.ordinal, summed.feature
HAVING AVG(summed.denoised) >= :least
ORDER BY SUM(summed.denoised) DESC, s.ordinal, summed.feature
LIMIT :limit
