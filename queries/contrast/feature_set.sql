-- title: A few features that together tell the sides apart
-- description: What an L1-penalised logistic regression on the discovery half keeps, the largest standardised weight first. A feature stands for its copies, whose scores correlate with its own beyond 0.9: forty near-copies are one finding. Cross-validation over groups chooses how many; set_auroc, set_accuracy and set_f1 judge them together on the other half. No rows: nothing found that holds, or too few groups.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
SELECT
    s.label AS sae,
    t.rank,
    t.feature,
    v.text AS top_token,
    t.weight,
    t.weight_standard,
    t.entered,
    t.copies,
    n.auroc AS auroc_confirmed,
    n.place_discovery,
    sc.set_size,
    sc.set_auroc,
    sc.set_auroc_low,
    sc.set_auroc_high,
    sc.set_accuracy,
    sc.set_accuracy_low,
    sc.set_accuracy_high,
    sc.set_f1,
    sc.set_f1_low,
    sc.set_f1_high
FROM contrast_set AS t
JOIN contrast AS c ON c.contrast = t.contrast
JOIN sae_contrast AS sc ON sc.contrast = t.contrast AND sc.sae = t.sae
JOIN sae AS s ON s.sae = t.sae
LEFT JOIN feature_confirmation AS n ON n.contrast = t.contrast AND n.sae = t.sae AND n.feature = t.feature
LEFT JOIN feature_evidence AS e ON e.contrast = t.contrast AND e.sae = t.sae AND e.feature = t.feature
LEFT JOIN vocabulary AS v ON v.tokenization = s.tokenization AND v.token_id = e.top_token
WHERE (c.name = :contrast OR (:contrast = '' AND c.contrast = (SELECT MIN(contrast) FROM contrast)))
    AND :sae IN ('', s.label, s.pinned)
ORDER BY t.sae, t.rank
