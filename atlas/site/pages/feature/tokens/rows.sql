WITH ranked AS (
    SELECT
        t.corpus,
        t.token_id,
        t.active_tokens,
        t.sum_activation,
        ROW_NUMBER() OVER (
            PARTITION BY t.corpus
            ORDER BY t.active_tokens DESC, t.sum_activation DESC, t.token_id
        ) AS place
    FROM feature_token AS t
    WHERE t.sae = :sae
        AND t.feature = :feature
        AND t.corpus IN (SELECT value FROM json_each(:corpora))
)
SELECT
    r.corpus,
    r.token_id,
    v.text AS token,
    r.active_tokens,
    r.sum_activation / r.active_tokens AS mean_active
FROM ranked AS r
LEFT JOIN vocabulary AS v ON v.tokenization = :tokenization AND v.token_id = r.token_id
WHERE r.place <= :each
ORDER BY r.corpus, r.place
