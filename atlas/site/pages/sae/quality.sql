SELECT
    k.name,
    q.tokens,
    q.explained_variance,
    q.l0,
    q.dead_share,
    q.ce_clean,
    q.ce_sae,
    q.ce_zero,
    q.ce_recovered,
    q.ce_recovered_uniform,
    q.ce_rise
FROM sae_quality AS q
JOIN corpus AS k ON k.corpus = q.corpus
WHERE q.sae = :sae
ORDER BY q.tokens DESC, k.name, k.corpus
