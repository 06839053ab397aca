SELECT
    source,
    SUM(value) AS value
FROM direct_part
WHERE direct_attribution = :direct_attribution
    AND kind = 'head'
GROUP BY source
ORDER BY ABS(SUM(value)) DESC, source
LIMIT :limit
