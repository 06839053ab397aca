WITH fired AS (
    SELECT
        c.feature,
        SUM(c.active_tokens) AS tokens,
        MAX(c.max_activation) AS unit
    FROM feature_corpus AS c
    WHERE c.sae = :sae
    GROUP BY c.feature
),
asked AS (
    SELECT
        f.decoder_norm,
        COALESCE(fired.tokens, 0) AS tokens,
        fired.unit
    FROM feature AS f
    LEFT JOIN fired ON fired.feature = f.feature
    WHERE f.sae = :sae
        AND f.feature = :feature
)
SELECT
    asked.unit,
    other.feature AS random
FROM asked
LEFT JOIN (
    SELECT
        f.feature,
        COALESCE(fired.tokens, 0) AS tokens,
        f.decoder_norm
    FROM feature AS f
    LEFT JOIN fired ON fired.feature = f.feature
    WHERE f.sae = :sae
        AND f.feature <> :feature
) AS other ON (other.tokens > 0) = (asked.tokens > 0)
ORDER BY
    ABS(other.tokens - asked.tokens) / MAX(1.0 * other.tokens + asked.tokens, 1)
        + ABS(other.decoder_norm - asked.decoder_norm) / (other.decoder_norm + asked.decoder_norm),
    other.feature
LIMIT 1
