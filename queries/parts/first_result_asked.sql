-- What the contrast that was asked for gave on the SAE that was asked for; where none was, on the first of it.
SELECT *
FROM (
    -- part: every_result_asked
) AS r
ORDER BY ordinal
LIMIT 1
