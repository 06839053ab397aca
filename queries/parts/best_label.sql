-- Of each feature's labels the one that is best borne out, against silent contexts drawn blindly, by its words.
SELECT
    sae,
    feature,
    label,
    method,
    auroc,
    wrong_best
FROM (
    SELECT
        l.sae,
        l.feature,
        l.label,
        l.method,
        s.auroc,
        s.wrong_best,
        ROW_NUMBER() OVER (
            PARTITION BY l.sae, l.feature
            ORDER BY s.auroc DESC NULLS LAST, l.feature_label
        ) AS turn
    FROM feature_label AS l
    LEFT JOIN (
        -- part: blind_score
    ) AS s ON s.feature_label = l.feature_label
) AS labelled
WHERE turn = 1
