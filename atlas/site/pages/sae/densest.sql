WITH dense AS (
    SELECT
        feature,
        density,
        documents,
        mean_active,
        max_activation
    FROM feature_corpus
    WHERE sae = :sae
        AND corpus = :corpus
    ORDER BY density DESC, feature
    LIMIT :limit
)
SELECT
    d.*,
    (
        SELECT v.text
        FROM feature_top_token AS t
        JOIN vocabulary AS v ON v.tokenization = :tokenization AND v.token_id = t.token_id
        WHERE t.sae = :sae
            AND t.feature = d.feature
            AND t.rank = 1
    ) AS top_token
FROM dense AS d
ORDER BY d.density DESC, d.feature
