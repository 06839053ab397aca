-- Of each feature's labels the one that is best borne out, against silent contexts drawn blindly, by its words.
-- Without a window, so that whoever asks for a few features has no others ranked.
SELECT
    l.sae,
    l.feature,
    l.label,
    l.method,
    s.auroc,
    s.wrong_best
FROM feature_label AS l
LEFT JOIN (
    -- part: blind_score
) AS s ON s.feature_label = l.feature_label
WHERE l.feature_label = (
        SELECT other.feature_label
        FROM feature_label AS other
        LEFT JOIN (
            -- part: blind_score
        ) AS score ON score.feature_label = other.feature_label
        WHERE other.sae = l.sae
            AND other.feature = l.feature
        ORDER BY score.auroc DESC NULLS LAST, other.feature_label
        LIMIT 1
    )
