-- What fires in the windows that are registered as `places`. Contexts are numbered as they are stored, so that only what
-- lies between the first and the last of them is read.
SELECT place, feature, position, activation
FROM activation
JOIN places USING (context)
WHERE sae = $sae
  AND context BETWEEN $first AND $last
