-- Moments over the tokens a feature fires on, as sums of powers of deviations from their mean: those stored and those of
-- each slice, as of one. These merge at any magnitude; powers of the activations themselves would cancel where a feature
-- hardly varies. Each has its mean `apart` from the mean of all.
-- Source: Chan, Golub & LeVeque 1979; Pébay 2008, section 3.
INSERT INTO feature_corpus BY NAME
WITH every AS (
  FROM slice_moments
  UNION ALL
  SELECT corpus, feature, documents, active_tokens, max_activation, mean_active, m2_active, m3_active, m4_active
  FROM feature_corpus
  WHERE sae = $sae
    AND (corpus, feature) IN (SELECT (corpus, feature) FROM slice_moments)
),
centre AS (
  SELECT corpus, feature, SUM(active_tokens * mean_active) / SUM(active_tokens) AS mean_active
  FROM every
  GROUP BY corpus, feature
),
deviation AS (
  SELECT every.*, centre.mean_active AS mean, every.mean_active - centre.mean_active AS apart
  FROM every
  JOIN centre USING (corpus, feature)
)
SELECT
  $sae AS sae,
  corpus,
  feature,
  SUM(documents) AS documents,
  SUM(active_tokens) AS active_tokens,
  MAX(max_activation) AS max_activation,
  ANY_VALUE(mean) AS mean_active,
  SUM(m2 + active_tokens * POWER(apart, 2)) AS m2_active,
  SUM(m3 + 3 * apart * m2 + active_tokens * POWER(apart, 3)) AS m3_active,
  SUM(m4 + 4 * apart * m3 + 6 * POWER(apart, 2) * m2 + active_tokens * POWER(apart, 4)) AS m4_active
FROM deviation
GROUP BY corpus, feature
ORDER BY corpus, feature
ON CONFLICT (sae, corpus, feature) DO UPDATE SET
  documents = excluded.documents,
  active_tokens = excluded.active_tokens,
  max_activation = excluded.max_activation,
  mean_active = excluded.mean_active,
  m2_active = excluded.m2_active,
  m3_active = excluded.m3_active,
  m4_active = excluded.m4_active;
