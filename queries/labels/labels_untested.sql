-- title: Labels that could not be tested
-- description: Labels without a figure that means something against silent contexts drawn blindly, with the reason: the feature fires in too few groups of documents that made no label, or hardly anywhere is it silent, or the label has no word to judge by, or none that is in any of the contexts. Features that never fire have no label: dead_features lists them.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param limit: INTEGER = 40  -- most rows shown
WITH asked AS (
    -- part: every_sae_asked
),
blind_score AS (
    -- part: blind_score
)
SELECT
    a.name AS sae,
    l.feature,
    l.label,
    l.method,
    l.contexts AS made_from,
    s.firing,
    s.firing_groups,
    s.silent_groups,
    CASE
        WHEN s.auroc IS NOT NULL THEN 'no context has any of its words'
        ELSE COALESCE(s.reason, 'it is not scored yet')
    END AS reason
FROM feature_label AS l
JOIN asked AS a ON a.sae = l.sae
LEFT JOIN blind_score AS s ON s.feature_label = l.feature_label
WHERE s.auroc IS NULL
    OR (s.recall = 0 AND s.false_alarms = 0)
ORDER BY s.firing DESC NULLS LAST, l.feature_label
LIMIT :limit
