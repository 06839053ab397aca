SELECT
    d.contrast,
    d.domain,
    d.documents,
    d.fires,
    d.auroc,
    d.documents_confirmation,
    d.called
FROM contrast AS k
JOIN feature_domain AS d ON d.contrast = k.contrast AND d.sae = :sae AND d.feature = :feature
ORDER BY d.contrast, d.auroc, d.domain
