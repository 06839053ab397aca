CREATE TEMP TABLE merged AS
SELECT
  corpus,
  feature,
  token_id,
  CAST(SUM(active_tokens) AS BIGINT) AS active_tokens,
  SUM(sum_activation) AS sum_activation
FROM (
  SELECT corpus, feature, token_id, active_tokens, sum_activation
  FROM feature_token
  WHERE sae = $sae
    AND corpus IN (SELECT corpus FROM unsummed)
  UNION ALL
  FROM slice_token
)
GROUP BY corpus, feature, token_id;

DELETE FROM feature_token
WHERE sae = $sae
  AND corpus IN (SELECT corpus FROM unsummed);

INSERT INTO feature_token BY NAME
SELECT $sae AS sae, *
FROM merged
ORDER BY corpus, feature, token_id;

DROP TABLE merged;
