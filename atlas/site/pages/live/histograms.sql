SELECT
    h.feature,
    h.bin,
    SUM(h.tokens) AS tokens
FROM feature_histogram AS h
WHERE h.sae = :sae
    AND h.feature IN (SELECT value FROM json_each(:features))
GROUP BY h.feature, h.bin
ORDER BY h.feature, h.bin
