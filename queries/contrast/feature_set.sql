-- title: A few features that together tell the sides apart
-- description: What an L1-penalised logistic regression on the discovery half keeps, the largest standardised weight first. A feature stands for its copies, whose scores correlate with its own beyond 0.9: forty near-copies are one finding. Cross-validation over groups chooses how many; set_auroc, set_accuracy and set_f1 judge them together on the other half. No rows: nothing found that holds, or too few groups.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
WITH chosen AS (
    -- part: every_result_asked
)
SELECT
    r.name AS sae,
    t.rank,
    t.feature,
    v.text AS top_token,
    t.weight,
    t.weight_standard,
    t.entered,
    t.copies,
    n.auroc AS auroc_confirmed,
    n.place_discovery,
    r.set_size,
    r.set_auroc,
    r.set_auroc_low,
    r.set_auroc_high,
    r.set_accuracy,
    r.set_accuracy_low,
    r.set_accuracy_high,
    r.set_f1,
    r.set_f1_low,
    r.set_f1_high
FROM contrast_set AS t
JOIN chosen AS r ON r.contrast = t.contrast AND r.sae = t.sae
LEFT JOIN feature_confirmation AS n ON n.contrast = t.contrast AND n.sae = t.sae AND n.feature = t.feature
LEFT JOIN feature_evidence AS e ON e.contrast = t.contrast AND e.sae = t.sae AND e.feature = t.feature
LEFT JOIN vocabulary AS v ON v.tokenization = r.tokenization AND v.token_id = e.top_token
ORDER BY t.sae, t.rank
