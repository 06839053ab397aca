-- title: Labels by how well they are borne out
-- description: Labels by how well their words tell contexts in which the feature fires from those in which it is silent, on documents that made no label. Beside the AUROC stands the best of the wrong labels on the same contexts: other features' labels whose words are as common. Labels that others made are scored alike.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param method: VARCHAR = ''  -- how the label was made, such as automatic; empty: any
-- param negatives: VARCHAR = 'random'  -- random|neighbour|same token: which silent contexts
-- param limit: INTEGER = 40  -- most rows shown
WITH asked AS (
    -- part: every_sae_asked
)
SELECT
    a.name AS sae,
    l.feature,
    l.label,
    l.method,
    s.judge,
    s.auroc,
    s.auroc_low,
    s.auroc_high,
    s.wrong_best,
    s.beaten,
    s.wrong_labels,
    s.balanced_accuracy,
    s.recall,
    s.false_alarms,
    s.firing,
    s.silent
FROM label_score AS s
JOIN feature_label AS l ON l.feature_label = s.feature_label
JOIN asked AS a ON a.sae = l.sae
WHERE s.negatives = :negatives
    AND s.auroc IS NOT NULL
    AND (:method = '' OR l.method = :method)
ORDER BY s.auroc DESC, s.auroc_low DESC, l.feature_label, s.judge
LIMIT :limit
