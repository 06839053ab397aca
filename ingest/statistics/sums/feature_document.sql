INSERT INTO feature_document BY NAME
SELECT
  $sae AS sae,
  feature,
  document,
  MAX(activation) AS max_activation,
  SUM(CAST(activation AS DOUBLE)) AS sum_activation,
  COUNT(*) AS active_tokens,
  COALESCE(MAX(activation) FILTER (WHERE sampled), 0) AS window_max
FROM fresh
GROUP BY feature, document
ORDER BY document, feature;
