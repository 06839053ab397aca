-- On how many distinct terms of the positive documents a feature fires, on a token that overlaps the term.
WITH named AS (
  SELECT lower(term) AS term, context, position
  FROM chosen
  JOIN document USING (document)
  JOIN context USING (document)
  JOIN token USING (context)
  WHERE positive
    AND tokenization = (SELECT tokenization FROM sae WHERE sae = $sae)
    AND char_start < term_end
    AND char_end > term_start
)
SELECT feature, COUNT(DISTINCT term) AS terms
FROM activation
JOIN named USING (context, position)
WHERE sae = $sae
GROUP BY feature
