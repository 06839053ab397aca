CREATE TEMP TABLE fresh_document AS
SELECT
  corpus,
  feature,
  document,
  MAX(activation) AS max_activation,
  SUM(CAST(activation AS DOUBLE)) AS sum_activation,
  COUNT(*) AS active_tokens,
  COALESCE(MAX(activation) FILTER (WHERE sampled), 0) AS window_max
FROM fresh
GROUP BY corpus, feature, document;

INSERT INTO feature_document BY NAME
SELECT $sae AS sae, feature, document, max_activation, sum_activation, active_tokens, window_max
FROM fresh_document
ORDER BY document, feature;
