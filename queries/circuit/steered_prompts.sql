-- title: Prompts on which a feature is steered
-- description: Each prompt and dose: how far the next token moves (KL, nats) and its rank among random features pushed as far; the token that gains most and the one that loses most; the feature's own activation when the steered stream is encoded again; and what the model writes unsteered, steered, and pushed along a random feature.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
)
SELECT
    s.steering,
    s.kind,
    s.text,
    e.dose,
    e.kl,
    e.kl_rank,
    s.random_features,
    e.raised ->> '$[0][0]' AS raised_most,
    e.lowered ->> '$[0][0]' AS lowered_most,
    s.activation,
    e.activation AS activation_steered,
    s.continuation,
    e.continuation AS continuation_steered,
    other.continuation AS continuation_random
FROM chosen
JOIN steering AS s ON s.sae = chosen.sae
JOIN steering_effect AS e ON e.steering = s.steering AND e.random = 0
LEFT JOIN steering_effect AS other ON other.steering = e.steering AND other.dose = e.dose AND other.random = 1
WHERE s.feature = :feature
ORDER BY s.steering, e.dose
LIMIT :limit
