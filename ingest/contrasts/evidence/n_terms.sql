-- Distinct terms that the positive documents name.
SELECT COUNT(DISTINCT lower(term))
FROM chosen
JOIN document USING (document)
WHERE positive
