-- title: Do gradients agree with Shapley values?
-- description: Spearman's rank correlation of two cheap attributions, activation x gradient and integrated gradients, with the Shapley values of the same players, an explanation a row, the worst first. Where it is low, the prediction is not linear in its features, or the Shapley values are uncertain.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
placed AS (
    SELECT
        a.explanation,
        1.0 * RANK() OVER (PARTITION BY a.explanation ORDER BY a.value)
            + (COUNT(*) OVER (PARTITION BY a.explanation, a.value) - 1) / 2.0 AS v,
        1.0 * RANK() OVER (PARTITION BY a.explanation ORDER BY a.activation_gradient)
            + (COUNT(*) OVER (PARTITION BY a.explanation, a.activation_gradient) - 1) / 2.0 AS g,
        1.0 * RANK() OVER (PARTITION BY a.explanation ORDER BY a.integrated_gradients)
            + (COUNT(*) OVER (PARTITION BY a.explanation, a.integrated_gradients) - 1) / 2.0 AS i,
        (COUNT(*) OVER (PARTITION BY a.explanation) + 1) / 2.0 AS middle
    FROM feature_attribution AS a
    JOIN chosen ON chosen.sae = a.sae
),
compared AS (
    SELECT
        explanation,
        COUNT(*) AS players,
        SUM((v - middle) * (g - middle))
            / NULLIF(SQRT(SUM((v - middle) * (v - middle)) * SUM((g - middle) * (g - middle))), 0) AS gradient,
        SUM((v - middle) * (i - middle))
            / NULLIF(SQRT(SUM((v - middle) * (v - middle)) * SUM((i - middle) * (i - middle))), 0) AS integrated
    FROM placed
    GROUP BY explanation
)
SELECT
    e.explanation,
    e.target,
    c.players,
    c.gradient AS activation_gradient,
    c.integrated AS integrated_gradients,
    e.text
FROM compared AS c
JOIN explanation AS e ON e.explanation = c.explanation
ORDER BY c.integrated NULLS LAST, e.explanation
LIMIT :limit
