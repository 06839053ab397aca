-- Each row of what slices gave is of another key: they are put together.
UPDATE feature_token
SET
  active_tokens = feature_token.active_tokens + slice_token.active_tokens,
  sum_activation = feature_token.sum_activation + slice_token.sum_activation
FROM slice_token
WHERE feature_token.sae = $sae
  AND feature_token.corpus = slice_token.corpus
  AND feature_token.feature = slice_token.feature
  AND feature_token.token_id = slice_token.token_id;

INSERT INTO feature_token BY NAME
SELECT $sae AS sae, *
FROM slice_token
ANTI JOIN (
  SELECT corpus, feature, token_id
  FROM feature_token
  WHERE sae = $sae
) USING (corpus, feature, token_id)
ORDER BY corpus, feature, token_id;
