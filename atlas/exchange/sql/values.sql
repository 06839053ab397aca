-- The activations of the features of a range in the windows that are shown, in the fewest digits that tell them apart.
SELECT
  a.feature,
  a.context,
  LIST(a.position) AS positions,
  LIST(CAST(CAST(a.activation AS VARCHAR) AS DOUBLE)) AS activations
FROM activation AS a
JOIN (SELECT DISTINCT feature, context FROM shown) USING (feature, context)
WHERE a.sae = $sae
  AND a.feature BETWEEN $first AND $last
GROUP BY a.feature, a.context
