-- The snippets of label_pool in which a feature of a range fires anywhere.
SELECT DISTINCT
  activation.feature,
  label_pool.place
FROM label_pool
JOIN activation USING (context)
WHERE activation.sae = $sae
  AND activation.feature BETWEEN $first AND $last
  AND activation.position BETWEEN label_pool.position - $radius AND label_pool.position + $radius
ORDER BY activation.feature, label_pool.place
