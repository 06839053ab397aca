-- Population moments over all tokens that are not BOS, zeros included, from the sums.
UPDATE feature_corpus
SET
  density = 1.0 * active_tokens / n,
  mean = sum_1 / n,
  std = SQRT(GREATEST(0, sum_2 / n - POWER(sum_1 / n, 2))),
  skewness = CASE
    WHEN sum_2 / n > POWER(sum_1 / n, 2)
    THEN (sum_3 / n - 3 * (sum_1 / n) * (sum_2 / n) + 2 * POWER(sum_1 / n, 3)) / POWER(sum_2 / n - POWER(sum_1 / n, 2), 1.5)
  END,
  kurtosis = CASE
    WHEN sum_2 / n > POWER(sum_1 / n, 2)
    THEN (sum_4 / n - 4 * (sum_1 / n) * (sum_3 / n) + 6 * POWER(sum_1 / n, 2) * (sum_2 / n) - 3 * POWER(sum_1 / n, 4))
      / POWER(sum_2 / n - POWER(sum_1 / n, 2), 2)
  END,
  mean_active = sum_1 / active_tokens,
  std_active = SQRT(GREATEST(0, sum_2 / active_tokens - POWER(sum_1 / active_tokens, 2)))
FROM (
  SELECT CAST(tokens AS DOUBLE) AS n
  FROM sae_corpus
  WHERE sae = $sae
    AND corpus = $corpus
) AS total
WHERE sae = $sae
  AND corpus = $corpus;
