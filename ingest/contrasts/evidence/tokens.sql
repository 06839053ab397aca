-- How concentrated a feature is on tokens, over the corpora that the contrast draws from. Units: bits.
WITH counted AS (
  SELECT feature, token_id, SUM(active_tokens) AS n
  FROM feature_token
  WHERE sae = $sae
    AND corpus IN (SELECT corpus FROM chosen JOIN document USING (document))
  GROUP BY ALL
)
SELECT
  feature,
  CAST(SUM(n) AS BIGINT) AS active_tokens,
  ARG_MIN(token_id, (-n, token_id)) AS top_token,
  MAX(n) / SUM(n) AS top_token_share,
  GREATEST(0, LOG2(SUM(n)) - SUM(n * LOG2(n) ORDER BY token_id) / SUM(n)) AS token_entropy
FROM counted
GROUP BY feature
