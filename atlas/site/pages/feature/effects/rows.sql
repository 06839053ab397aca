WITH moved AS (
    SELECT
        a.explanation,
        a.value,
        a.activation,
        e.output,
        e.target
    FROM feature_attribution AS a
    JOIN explanation AS e ON e.explanation = a.explanation
    WHERE a.sae = :sae
        AND a.feature = :feature
)
SELECT
    target,
    output,
    COUNT(*) AS prompts,
    AVG(value) AS mean_value,
    MIN(value) AS min_value,
    MAX(value) AS max_value,
    AVG(activation) AS mean_activation
FROM moved
GROUP BY target, output
ORDER BY ABS(AVG(value)) DESC, target, output
