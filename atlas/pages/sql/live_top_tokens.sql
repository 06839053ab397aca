WITH spoken AS (
    SELECT
        t.feature,
        t.token_id,
        SUM(t.active_tokens) AS active_tokens
    FROM feature_token AS t
    WHERE t.sae = :sae
        AND t.feature IN (SELECT value FROM json_each(:features))
    GROUP BY t.feature, t.token_id
),
ranked AS (
    SELECT
        feature,
        token_id,
        ROW_NUMBER() OVER (PARTITION BY feature ORDER BY active_tokens DESC, token_id) AS place
    FROM spoken
)
-- CROSS JOIN: SQLite reads its left side first, never the whole vocabulary.
SELECT
    r.feature,
    v.text
FROM ranked AS r
CROSS JOIN sae AS s
CROSS JOIN vocabulary AS v
WHERE r.place <= :tokens
    AND s.sae = :sae
    AND v.tokenization = s.tokenization
    AND v.token_id = r.token_id
ORDER BY r.feature, r.place
