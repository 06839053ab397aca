-- The tokens of the features in `touched`, over all corpora, in order.
CREATE TEMP TABLE counted AS
SELECT *, ROW_NUMBER() OVER () AS place
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
  ORDER BY feature, active_tokens DESC, sum_activation DESC, token_id
);
