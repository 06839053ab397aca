SELECT
    (SELECT COUNT(*) FROM document) AS documents,
    (SELECT COUNT(*) FROM corpus) AS corpora,
    (SELECT COALESCE(SUM(tokens), 0) FROM context) AS tokens,
    (SELECT COUNT(*) FROM sae) AS saes,
    (SELECT COALESCE(SUM(activations), 0) FROM sae_corpus) AS activations
