-- How many tokens each feature fires on, over every corpus.
SELECT
    sae,
    feature,
    CAST(SUM(active_tokens) AS BIGINT) AS active_tokens
FROM feature_corpus
GROUP BY sae, feature
