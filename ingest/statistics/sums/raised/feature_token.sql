CREATE TEMP TABLE added AS
SELECT
  corpus,
  feature,
  token_id,
  CAST(SUM(active_tokens) AS BIGINT) AS active_tokens,
  SUM(sum_activation) AS sum_activation
FROM slice_token
GROUP BY corpus, feature, token_id;

UPDATE feature_token
SET
  active_tokens = feature_token.active_tokens + added.active_tokens,
  sum_activation = feature_token.sum_activation + added.sum_activation
FROM added
WHERE feature_token.sae = $sae
  AND feature_token.corpus = added.corpus
  AND feature_token.feature = added.feature
  AND feature_token.token_id = added.token_id;

INSERT INTO feature_token BY NAME
SELECT $sae AS sae, *
FROM added
ANTI JOIN (
  SELECT corpus, feature, token_id
  FROM feature_token
  WHERE sae = $sae
) USING (corpus, feature, token_id)
ORDER BY corpus, feature, token_id;

DROP TABLE added;
