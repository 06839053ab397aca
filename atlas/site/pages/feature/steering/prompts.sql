SELECT
    s.text,
    s.kind,
    e.dose,
    e.kl,
    e.raised,
    e.lowered,
    s.continuation,
    e.continuation AS continuation_steered,
    other.continuation AS continuation_random
FROM steering AS s
JOIN steering_effect AS e ON e.steering = s.steering AND e.random = 0
LEFT JOIN steering_effect AS other ON other.steering = e.steering AND other.dose = e.dose AND other.random = 1
WHERE s.sae = :sae
    AND s.feature = :feature
    AND e.dose = (
        SELECT MAX(own.dose)
        FROM steering_effect AS own
        WHERE own.steering = s.steering
    )
ORDER BY s.continuation IS NULL, s.steering
LIMIT :limit
