-- title: Tokens of an explanation
-- description: What each token of a prompt adds to a prediction or to a feature's activation, in the order of the text, as Shapley values with their standard error. They add up to the full value less the base value.
-- database: atlas
-- param explanation: INTEGER = -1  -- number of the explanation, as the query explanations lists it; -1: the first
SELECT
    e.explanation,
    e.question,
    s.label AS sae,
    e.feature,
    e.target,
    t.position,
    t.text AS token,
    t.value,
    t.standard_error,
    t.value / NULLIF(e.full_value - e.base_value, 0) AS share,
    t.rank
FROM explanation AS e
JOIN token_attribution AS t ON t.explanation = e.explanation
LEFT JOIN sae AS s ON s.sae = e.sae
WHERE e.explanation = CASE
        WHEN :explanation = -1 THEN (SELECT MIN(explanation) FROM token_attribution)
        ELSE :explanation
    END
ORDER BY t.position
