-- title: Labels that the activations contradict
-- description: Labels whose words stand in contexts in which the feature is silent rather than in those in which it fires: the whole interval of their AUROC is below one half. Labels whose words are in no context are in labels_untested. Beside them the tokens that the feature does fire on.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param method: VARCHAR = ''  -- how the label was made, such as automatic; empty: any
-- param min_firing: INTEGER = 5  -- fewest firing contexts that were looked at
-- param limit: INTEGER = 40  -- most rows shown
WITH asked AS (
    -- part: every_sae_asked
),
blind_score AS (
    -- part: blind_score
),
top_token AS (
    -- part: top_tokens
)
SELECT
    a.name AS sae,
    l.feature,
    l.label,
    l.method,
    l.author,
    l.model,
    s.auroc,
    s.auroc_high,
    s.recall,
    s.false_alarms,
    s.firing,
    (SELECT t.text FROM top_token AS t WHERE t.sae = l.sae AND t.feature = l.feature AND t.rank = 1) AS top_token
FROM blind_score AS s
JOIN feature_label AS l ON l.feature_label = s.feature_label
JOIN asked AS a ON a.sae = l.sae
WHERE s.firing >= CAST(:min_firing AS INTEGER)
    AND s.auroc_high < 0.5
    AND (:method = '' OR l.method = :method)
ORDER BY s.auroc, s.recall, l.feature_label
LIMIT :limit
