SELECT
    feature_label,
    feature,
    label,
    method,
    model,
    source,
    external_id
FROM feature_label
WHERE sae = :sae
    AND feature = :feature
ORDER BY feature_label
