SELECT
    l.feature_label,
    l.label,
    l.kind,
    l.method,
    l.source,
    l.author,
    l.model,
    l.contexts,
    l.source_sha256 = '' AS old,
    s.negatives,
    s.judge,
    s.auroc,
    s.auroc_low,
    s.auroc_high,
    s.wrong_labels,
    s.wrong_best,
    s.beaten,
    s.balanced_accuracy,
    s.firing,
    s.silent,
    s.documents_sha256 = '' AS stale,
    s.reason
FROM feature_label AS l
LEFT JOIN label_score AS s ON s.feature_label = l.feature_label
WHERE l.sae = :sae
    AND l.feature = :feature
ORDER BY l.feature_label, s.negatives = 'random' DESC, s.negatives, s.judge
LIMIT 100
