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
    m.weights_sha256 AS model_sha256
FROM sae AS s
JOIN model AS m ON m.model = s.model
JOIN tokenization AS n ON n.tokenization = s.tokenization
WHERE s.sae = :sae
