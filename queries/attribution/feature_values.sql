-- title: Features of an explanation
-- description: What each feature active at a position, and the SAE's error, adds to a prediction, largest first, with the token each feature raises most. Two cheaper attributions stand beside the Shapley value.
-- database: atlas
-- param explanation: INTEGER = -1  -- number of the explanation, as the query explanations lists it; -1: the first
-- param limit: INTEGER = 20  -- most rows shown
SELECT
    e.explanation,
    s.label AS sae,
    a.feature,
    CASE WHEN a.feature IS NULL THEN 'error of the SAE' ELSE 'feature' END AS player,
    e.target,
    a.activation,
    a.value,
    a.standard_error,
    a.activation_gradient,
    a.integrated_gradients,
    a.rank,
    f.top_logits AS raises
FROM explanation AS e
JOIN feature_attribution AS a ON a.explanation = e.explanation
JOIN sae AS s ON s.sae = a.sae
LEFT JOIN feature AS f ON f.sae = a.sae AND f.feature = a.feature
WHERE e.explanation = CASE
        WHEN :explanation = -1 THEN (SELECT MIN(explanation) FROM feature_attribution)
        ELSE :explanation
    END
ORDER BY a.rank
LIMIT :limit
