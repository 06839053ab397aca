SELECT
    s.weights_sha256,
    s.config,
    n.tokenizer,
    n.context_size,
    n.prepend_bos,
    m.name AS model,
    m.architecture AS model_architecture,
    m.n_layers,
    m.d_model,
    m.n_heads,
    m.d_vocab,
    m.center_writing_weights,
    m.fold_ln,
    m.center_unembed,
    JSON_EXTRACT(m.config, '$.precision') AS precision,
    m.weights_sha256 AS model_sha256,
    f.decoder_norm_low,
    f.decoder_norm_high,
    COALESCE(f.without_logit_weights, 0) AS without_logit_weights
FROM sae AS s
JOIN model AS m ON m.model = s.model
JOIN tokenization AS n ON n.tokenization = s.tokenization
LEFT JOIN (
    SELECT
        sae,
        MIN(decoder_norm) AS decoder_norm_low,
        MAX(decoder_norm) AS decoder_norm_high,
        SUM(CASE WHEN logit_mean IS NULL THEN 1 ELSE 0 END) AS without_logit_weights
    FROM feature
    WHERE sae = :sae
    GROUP BY sae
) AS f ON f.sae = s.sae
WHERE s.sae = :sae
