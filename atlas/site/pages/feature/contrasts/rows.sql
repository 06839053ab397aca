SELECT
    k.contrast,
    k.name,
    k.positive,
    k.control,
    k.unit,
    sc.documents_positive,
    sc.documents_control,
    sc.features_tested,
    sc.terms AS terms_in_all,
    sc.fms_root,
    CASE WHEN sc.documents_hash = '' THEN 1 ELSE 0 END AS stale,
    fc.fires_positive,
    fc.fires_control,
    fc.mean_positive,
    fc.mean_control,
    fc.mean_difference,
    fc.study_kept,
    fc.auroc,
    fc.p,
    fc.q,
    fc.family_p,
    fc.fisher_p,
    fc.auroc_length,
    fc.p_length,
    n.auroc_discovery,
    n.threshold,
    n.auroc AS auroc_confirmation,
    n.auroc_low,
    n.auroc_high,
    n.precision,
    n.recall,
    n.f1,
    n.probe_accuracy,
    n.probe_f1,
    r.higher,
    r.lower,
    r.share_higher,
    r.q AS pair_q,
    v.active_tokens,
    v.top_token_share,
    w.text AS top_token,
    v.terms,
    v.term_coverage
FROM feature_contrast AS fc
JOIN contrast AS k ON k.contrast = fc.contrast
JOIN sae_contrast AS sc ON sc.contrast = fc.contrast AND sc.sae = fc.sae
LEFT JOIN feature_confirmation AS n ON n.contrast = fc.contrast AND n.sae = fc.sae AND n.feature = fc.feature
LEFT JOIN feature_pair AS r ON r.contrast = fc.contrast AND r.sae = fc.sae AND r.feature = fc.feature
LEFT JOIN feature_evidence AS v ON v.contrast = fc.contrast AND v.sae = fc.sae AND v.feature = fc.feature
LEFT JOIN vocabulary AS w ON w.tokenization = :tokenization AND w.token_id = v.top_token
WHERE fc.sae = :sae
    AND fc.feature = :feature
ORDER BY k.contrast
