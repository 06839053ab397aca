SELECT
    logit_std,
    logit_skewness,
    logit_kurtosis,
    log_sparsity
FROM feature
WHERE sae = :sae
ORDER BY feature
