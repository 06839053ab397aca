INSERT INTO feature_corpus BY NAME
SELECT
  $sae AS sae,
  $corpus AS corpus,
  feature,
  COUNT(DISTINCT document) AS documents,
  COUNT(*) AS active_tokens,
  SUM(CAST(activation AS DOUBLE)) AS sum_1,
  SUM(POWER(CAST(activation AS DOUBLE), 2)) AS sum_2,
  SUM(POWER(CAST(activation AS DOUBLE), 3)) AS sum_3,
  SUM(POWER(CAST(activation AS DOUBLE), 4)) AS sum_4,
  MAX(activation) AS max_activation
FROM fresh
GROUP BY feature
ORDER BY feature
ON CONFLICT (sae, corpus, feature) DO UPDATE SET
  documents = documents + excluded.documents,
  active_tokens = active_tokens + excluded.active_tokens,
  sum_1 = sum_1 + excluded.sum_1,
  sum_2 = sum_2 + excluded.sum_2,
  sum_3 = sum_3 + excluded.sum_3,
  sum_4 = sum_4 + excluded.sum_4,
  max_activation = GREATEST(max_activation, excluded.max_activation);
