WITH pushed AS (
    SELECT s.steering
    FROM steering AS s
    WHERE s.sae = :sae
        AND s.feature = :feature
),
once AS (
    -- part: steered_once
),
beside AS (
    -- part: random_pushes
)
SELECT
    s.kind,
    e.dose,
    COUNT(*) AS prompts,
    AVG(e.kl) AS kl,
    AVG(b.kl) AS kl_random,
    AVG(1.0 * e.kl_rank) AS rank,
    MAX(s.random_features) AS random_features,
    AVG(s.words_probability) AS words_before,
    AVG(e.words_probability) AS words_after
FROM once
JOIN steering AS s ON s.steering = once.steering
JOIN steering_effect AS e ON e.steering = once.steering AND e.dose = once.dose AND e.random = 0
LEFT JOIN beside AS b ON b.steering = e.steering AND b.dose = e.dose
GROUP BY s.kind, e.dose
ORDER BY s.kind, e.dose
