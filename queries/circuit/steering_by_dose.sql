-- title: What a dose of a feature does to the next token
-- description: Each feature, way and dose over its steered prompts, each text once, of the newest positions, words and random features: how far the next token moves (mean KL, nats) and how far random features of like density, pushed as far, move it; its mean rank among them, 1 where none moves it as much; the probability of the words that were followed, before, after, and after the random pushes.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param kind: VARCHAR = ''  -- add, clamp or remove; empty: all of them
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
pushed AS (
    SELECT s.steering
    FROM chosen
    JOIN steering AS s ON s.sae = chosen.sae
),
once AS (
    -- part: steered_once
),
beside AS (
    -- part: random_pushes
)
SELECT
    chosen.name AS sae,
    s.feature,
    s.kind,
    e.dose,
    COUNT(*) AS prompts,
    AVG(e.kl) AS kl,
    AVG(b.kl) AS kl_random,
    AVG(1.0 * e.kl_rank) AS mean_kl_rank,
    MAX(s.random_features) AS random_features,
    AVG(s.words_probability) AS words_before,
    AVG(e.words_probability) AS words_after,
    AVG(b.words) AS words_random,
    AVG(1.0 * e.words_rank) AS mean_words_rank
FROM chosen
JOIN steering AS s ON s.sae = chosen.sae
JOIN once ON once.steering = s.steering
JOIN steering_effect AS e ON e.steering = s.steering AND e.dose = once.dose AND e.random = 0
LEFT JOIN beside AS b ON b.steering = e.steering AND b.dose = e.dose
WHERE :kind IN ('', s.kind)
GROUP BY chosen.name, s.feature, s.kind, e.dose
ORDER BY s.feature, s.kind, e.dose
LIMIT :limit
