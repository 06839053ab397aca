-- The text around wanted places, with the token of the place in marks.
SELECT
  place,
  substr(text, first + 1, middle_start - first)
    || '«' || substr(text, middle_start + 1, middle_end - middle_start) || '»'
    || substr(text, middle_end + 1, last - middle_end) AS marked
FROM (
  SELECT
    place,
    ANY_VALUE(document.text) AS text,
    MIN(char_start) AS first,
    MAX(char_end) AS last,
    MIN(char_start) FILTER (position = middle) AS middle_start,
    MAX(char_end) FILTER (position = middle) AS middle_end
  FROM wanted
  JOIN token USING (context)
  JOIN context USING (context)
  JOIN document USING (document)
  WHERE position BETWEEN middle - $reach AND middle + $reach
  GROUP BY place
)
ORDER BY place
