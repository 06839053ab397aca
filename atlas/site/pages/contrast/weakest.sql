SELECT
    domain,
    documents,
    fires,
    auroc
FROM feature_domain
WHERE contrast = :contrast
    AND sae = :sae
    AND feature = :feature
ORDER BY auroc, domain
LIMIT 1
