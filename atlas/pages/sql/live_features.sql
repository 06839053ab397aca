WITH asked AS (
    SELECT CAST(value AS INTEGER) AS feature
    FROM json_each(:features)
),
spoken AS (
    SELECT
        t.feature,
        t.token_id,
        SUM(t.active_tokens) AS active_tokens
    FROM feature_token AS t
    WHERE t.sae = :sae
        AND t.feature IN (SELECT feature FROM asked)
    GROUP BY t.feature, t.token_id
),
ranked AS (
    SELECT
        feature,
        token_id,
        ROW_NUMBER() OVER (PARTITION BY feature ORDER BY active_tokens DESC, token_id) AS place
    FROM spoken
),
fires AS (
    SELECT
        c.feature,
        1.0 * SUM(c.active_tokens) / (SELECT SUM(tokens) FROM sae_corpus WHERE sae = :sae) AS density
    FROM feature_corpus AS c
    WHERE c.sae = :sae
        AND c.feature IN (SELECT feature FROM asked)
    GROUP BY c.feature
)
SELECT
    f.feature,
    fires.density,
    (
        SELECT json_group_array(text)
        FROM (
            SELECT v.text
            FROM ranked AS r
            JOIN sae AS s ON s.sae = :sae
            JOIN vocabulary AS v ON v.tokenization = s.tokenization AND v.token_id = r.token_id
            WHERE r.feature = f.feature
                AND r.place <= :tokens
            ORDER BY r.place
        )
    ) AS top_tokens
FROM feature AS f
LEFT JOIN fires ON fires.feature = f.feature
WHERE f.sae = :sae
    AND f.feature IN (SELECT feature FROM asked)
ORDER BY f.feature
