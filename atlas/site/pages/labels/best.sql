WITH blind_score AS (
    -- part: blind_score
)
SELECT
    feature,
    label
FROM (
    SELECT
        l.feature,
        l.label,
        ROW_NUMBER() OVER (PARTITION BY l.feature ORDER BY s.auroc DESC NULLS LAST, l.feature_label) AS turn
    FROM feature_label AS l
    LEFT JOIN blind_score AS s ON s.feature_label = l.feature_label
    WHERE l.sae = :sae
        AND l.feature IN (SELECT value FROM json_each(:features))
) AS labelled
WHERE turn = 1
ORDER BY feature
