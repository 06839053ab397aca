SELECT
    corpus,
    bin,
    tokens
FROM feature_histogram
WHERE sae = :sae
    AND feature = :feature
ORDER BY corpus, bin
