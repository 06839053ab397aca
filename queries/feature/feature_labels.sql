-- title: What a feature is said to mean
-- description: Every label of a feature with who made it and from what, and how far it was borne out against each kind of silent contexts: drawn blindly, where its nearest features fire, around the same token as where it fires. A label is a claim; beside its AUROC stands the best of the wrong labels on the same contexts.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
WITH asked AS (
    -- part: first_sae_asked
)
SELECT
    l.label,
    l.kind,
    l.method,
    l.author,
    l.model,
    l.source,
    s.negatives,
    s.judge,
    s.auroc,
    s.auroc_low,
    s.auroc_high,
    s.wrong_best,
    s.balanced_accuracy,
    s.reason,
    CASE WHEN l.source_sha256 = '' OR s.documents_sha256 = '' THEN 'to be made again' ELSE 'up to date' END AS state
FROM feature_label AS l
JOIN asked AS a ON a.sae = l.sae
LEFT JOIN label_score AS s ON s.feature_label = l.feature_label
WHERE l.feature = :feature
ORDER BY l.feature_label, s.negatives, s.judge
