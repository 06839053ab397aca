-- The tokens within reach of the wanted places, each once.
SELECT context, position, text, char_start, char_end
FROM (
  SELECT DISTINCT context, position
  FROM (
    SELECT context, UNNEST(RANGE(middle - $reach, middle + $reach + 1)) AS position
    FROM wanted
  )
)
JOIN token USING (context, position)
ORDER BY context, position
