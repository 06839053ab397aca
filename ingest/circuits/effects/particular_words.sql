WITH counted AS (
    SELECT
        token_id,
        COUNT(*) FILTER (WHERE list_contains($documents, document)) + 0.5 AS inside,
        COUNT(*) FILTER (WHERE NOT list_contains($documents, document)) + 0.5 AS outside
    FROM token
    JOIN context USING (context)
    WHERE tokenization = $tokenization
    GROUP BY token_id
), total AS (
    SELECT SUM(inside) AS inside, SUM(outside) AS outside, MAX(outside) > 0.5 AS compared
    FROM counted
)
SELECT token_id, log_odds / SQRT(1 / inside + 1 / outside) AS z
FROM (
    SELECT
        counted.*,
        LN(counted.inside / (total.inside - counted.inside))
            - LN(counted.outside / (total.outside - counted.outside)) AS log_odds
    FROM counted
    CROSS JOIN total
    WHERE total.compared
        AND total.inside > counted.inside
        AND total.outside > counted.outside
)
JOIN vocabulary USING (token_id)
WHERE tokenization = $tokenization
    AND inside > $least_times
    AND log_odds >= LN($least_odds)
    AND regexp_full_match(text, ' \p{L}{3,}')
ORDER BY z DESC, token_id
LIMIT $wanted
