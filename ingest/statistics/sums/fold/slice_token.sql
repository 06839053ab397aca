CREATE TEMP TABLE folded AS
SELECT
  corpus,
  feature,
  token_id,
  CAST(SUM(active_tokens) AS BIGINT) AS active_tokens,
  SUM(sum_activation) AS sum_activation
FROM slice_token
GROUP BY corpus, feature, token_id;

DROP TABLE slice_token;

ALTER TABLE folded RENAME TO slice_token;
