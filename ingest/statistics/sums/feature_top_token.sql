-- The tokens a feature fires on most, over all corpora: made anew for the features in `touched`.
DELETE FROM feature_top_token
WHERE sae = $sae
  AND feature IN (FROM touched);

INSERT INTO feature_top_token BY NAME
SELECT
  $sae AS sae,
  feature,
  ROW_NUMBER() OVER (PARTITION BY feature ORDER BY active_tokens DESC, sum_activation DESC, token_id) AS rank,
  token_id,
  active_tokens,
  sum_activation
FROM (
  SELECT
    feature,
    token_id,
    CAST(SUM(active_tokens) AS BIGINT) AS active_tokens,
    SUM(sum_activation) AS sum_activation
  FROM feature_token
  WHERE sae = $sae
    AND feature IN (FROM touched)
  GROUP BY feature, token_id
)
QUALIFY rank <= $top_tokens
ORDER BY feature, rank;
