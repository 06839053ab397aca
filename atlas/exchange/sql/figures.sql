-- Features of a range: the share of all tokens read that each fires on, its maximum, and what it raises and lowers.
WITH read AS (
  SELECT SUM(tokens) AS tokens
  FROM sae_corpus
  WHERE sae = $sae
),
fired AS (
  SELECT
    feature,
    SUM(active_tokens) AS active_tokens,
    MAX(max_activation) AS max_activation
  FROM feature_corpus
  WHERE sae = $sae
    AND feature BETWEEN $first AND $last
  GROUP BY feature
)
SELECT
  f.feature,
  COALESCE(1.0 * fired.active_tokens / read.tokens, 0) AS density,
  COALESCE(CAST(CAST(fired.max_activation AS VARCHAR) AS DOUBLE), 0) AS max_activation,
  f.top_logits,
  f.bottom_logits
FROM feature AS f
CROSS JOIN read
LEFT JOIN fired ON fired.feature = f.feature
WHERE f.sae = $sae
  AND f.feature BETWEEN $first AND $last
ORDER BY f.feature
