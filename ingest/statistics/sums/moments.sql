-- Population moments over all tokens that are not BOS: the centred sums of the tokens a feature fires on, merged with
-- zeros for the silent ones. The mean over all lies `above` the zeros and `below` the mean of the active ones.
-- NULL where a feature does not vary.
UPDATE feature_corpus
SET
  density = active_tokens / n,
  mean = above,
  std = SQRT(m2 / n),
  skewness = CASE WHEN m2 > 0 THEN (m3 / n) / POWER(m2 / n, 1.5) END,
  kurtosis = CASE WHEN m2 > 0 THEN (m4 / n) / POWER(m2 / n, 2) END,
  std_active = SQRT(m2_active / active_tokens)
FROM (
  SELECT
    corpus,
    feature,
    n,
    above,
    m2_active + active_tokens * POWER(below, 2) + silent * POWER(above, 2) AS m2,
    m3_active + 3 * below * m2_active + active_tokens * POWER(below, 3) - silent * POWER(above, 3) AS m3,
    m4_active + 4 * below * m3_active + 6 * POWER(below, 2) * m2_active + active_tokens * POWER(below, 4)
      + silent * POWER(above, 4) AS m4
  FROM (
    SELECT
      stored.*,
      CAST(tokens AS DOUBLE) AS n,
      tokens - active_tokens AS silent,
      mean_active * (active_tokens / n) AS above,
      mean_active * (silent / n) AS below
    FROM feature_corpus AS stored
    JOIN sae_corpus USING (sae, corpus)
    WHERE sae = $sae
      AND corpus IN (SELECT corpus FROM unsummed)
  )
) AS merged
WHERE feature_corpus.sae = $sae
  AND feature_corpus.corpus = merged.corpus
  AND feature_corpus.feature = merged.feature;
