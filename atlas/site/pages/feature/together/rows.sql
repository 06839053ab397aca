WITH own AS (
    SELECT
        context,
        position
    FROM example
    WHERE sae = :sae
        AND feature = :feature
        AND sampling = 'top'
    ORDER BY activation DESC, context
    LIMIT :windows
),
shared AS (
    SELECT
        other.feature,
        COUNT(DISTINCT other.context) AS windows,
        MAX(other.activation) AS max_activation
    FROM own
    CROSS JOIN example AS other ON other.context = own.context
    WHERE other.position = own.position
        AND other.sae = :sae
        AND other.feature <> :feature
    GROUP BY other.feature
    ORDER BY windows DESC, max_activation DESC, other.feature
    LIMIT :limit
)
SELECT
    s.feature AS other_feature,
    s.windows,
    (SELECT COUNT(*) FROM own) AS own_windows,
    s.max_activation,
    (
        SELECT v.text
        FROM feature_top_token AS t
        JOIN vocabulary AS v ON v.tokenization = :tokenization AND v.token_id = t.token_id
        WHERE t.sae = :sae
            AND t.feature = s.feature
            AND t.rank = 1
    ) AS token
FROM shared AS s
ORDER BY s.windows DESC, s.max_activation DESC, s.feature
