-- The tokens of the windows that are registered as `places`.
SELECT place, position, token_id
FROM token
JOIN places USING (context)
WHERE context BETWEEN $first AND $last
ORDER BY place, position
