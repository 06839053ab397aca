-- title: How far labels can be believed
-- description: Labels by SAE, method and kind of silent contexts: how many could be tested, their mean AUROC and balanced accuracy, and the share of them that beats the best of 20 wrong labels, which is 1 in 21 where labels mean nothing. Wrong labels are other features' labels whose words are as common.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
WITH asked AS (
    -- part: every_sae_asked
)
SELECT
    a.name AS sae,
    l.method,
    s.judge,
    s.negatives,
    COUNT(*) AS labels,
    COUNT(s.auroc) AS tested,
    AVG(s.auroc) AS mean_auroc,
    AVG(s.wrong_mean) AS mean_of_wrong,
    AVG(s.balanced_accuracy) AS mean_balanced_accuracy,
    CAST(SUM(CASE WHEN s.wrong_labels = 20 THEN 1 ELSE 0 END) AS BIGINT) AS against_20,
    1.0 * SUM(CASE WHEN s.wrong_labels = 20 AND s.beaten = 20 THEN 1 ELSE 0 END)
        / NULLIF(SUM(CASE WHEN s.wrong_labels = 20 THEN 1 ELSE 0 END), 0) AS share_beating_all
FROM label_score AS s
JOIN feature_label AS l ON l.feature_label = s.feature_label
JOIN asked AS a ON a.sae = l.sae
GROUP BY a.name, a.ordinal, l.method, s.judge, s.negatives
ORDER BY a.ordinal, l.method, s.judge, s.negatives
