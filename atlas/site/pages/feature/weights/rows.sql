SELECT
    f.log_sparsity,
    f.decoder_norm,
    f.logit_mean,
    f.logit_std,
    f.logit_skewness,
    f.logit_kurtosis,
    f.top_logits,
    f.bottom_logits,
    b.activation AS bos_activation
FROM feature AS f
LEFT JOIN bos_activation AS b ON b.sae = f.sae AND b.feature = f.feature
WHERE f.sae = :sae
    AND f.feature = :feature
