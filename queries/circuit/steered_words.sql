-- title: Words that a feature makes likelier
-- description: Each token that is among the ten that gain most on a steered prompt, at the largest dose added there, each text once, of the newest positions, words and random features: on how many prompts, what it gains there on average, and on how many prompts a random feature pushed as far raises it too.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param limit: INTEGER = 20  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
place AS (
    SELECT 0 AS n
    UNION ALL SELECT 1
    UNION ALL SELECT 2
    UNION ALL SELECT 3
    UNION ALL SELECT 4
    UNION ALL SELECT 5
    UNION ALL SELECT 6
    UNION ALL SELECT 7
    UNION ALL SELECT 8
    UNION ALL SELECT 9
),
pushed AS (
    SELECT s.steering
    FROM chosen
    JOIN steering AS s ON s.sae = chosen.sae
    WHERE s.feature = :feature
        AND s.kind = 'add'
),
once AS (
    -- part: steered_once
),
largest AS (
    SELECT steering, MAX(dose) AS dose
    FROM once
    GROUP BY steering
),
gained AS (
    SELECT
        e.steering,
        e.random,
        e.raised ->> ('$[' || place.n || '][0]') AS token,
        CAST(e.raised ->> ('$[' || place.n || '][2]') AS DOUBLE PRECISION)
            - CAST(e.raised ->> ('$[' || place.n || '][1]') AS DOUBLE PRECISION) AS gain
    FROM largest
    JOIN steering_effect AS e ON e.steering = largest.steering AND e.dose = largest.dose
    CROSS JOIN place
)
SELECT
    token,
    COUNT(DISTINCT CASE WHEN random = 0 THEN steering END) AS prompts,
    AVG(CASE WHEN random = 0 THEN gain END) AS mean_gain,
    COUNT(DISTINCT CASE WHEN random > 0 THEN steering END) AS prompts_random
FROM gained
WHERE token IS NOT NULL
    AND gain > 0
GROUP BY token
HAVING COUNT(DISTINCT CASE WHEN random = 0 THEN steering END) > 0
ORDER BY prompts DESC, mean_gain DESC, token
LIMIT :limit
