CREATE TEMP TABLE merged AS
SELECT
  sae,
  corpus,
  feature,
  token_id,
  CAST(SUM(active_tokens) AS BIGINT) AS active_tokens,
  SUM(sum_activation) AS sum_activation
FROM (
  SELECT sae, corpus, feature, token_id, active_tokens, sum_activation
  FROM feature_token
  WHERE sae = $sae
    AND corpus = $corpus
  UNION ALL
  SELECT $sae, $corpus, feature, token_id, COUNT(*), SUM(CAST(activation AS DOUBLE))
  FROM fresh
  JOIN token USING (context, position)
  GROUP BY feature, token_id
)
GROUP BY ALL;

DELETE FROM feature_token
WHERE sae = $sae
  AND corpus = $corpus;

INSERT INTO feature_token BY NAME
SELECT *
FROM merged
ORDER BY feature, token_id;

DROP TABLE merged;
