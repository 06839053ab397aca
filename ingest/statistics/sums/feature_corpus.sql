-- Moments over the tokens a feature fires on, as sums of powers of deviations from their mean. These merge with those
-- stored at any magnitude; powers of the activations themselves would cancel where a feature hardly varies.
-- Source: Chan, Golub & LeVeque 1979; Pébay 2008, section 3: the mean moves by `stored_moves` and `fresh_moves`.
INSERT INTO feature_corpus BY NAME
WITH centre AS (
  SELECT corpus, feature, FAVG(activation) AS mean_active
  FROM fresh
  GROUP BY corpus, feature
),
deviation AS (
  SELECT corpus, feature, mean_active, CAST(activation AS DOUBLE) - mean_active AS d
  FROM fresh
  JOIN centre USING (corpus, feature)
),
powers AS (
  SELECT
    corpus,
    feature,
    ANY_VALUE(mean_active) AS mean_active,
    SUM(d * d) AS m2,
    SUM(d * d * d) AS m3,
    SUM(d * d * d * d) AS m4
  FROM deviation
  GROUP BY corpus, feature
),
added AS (
  SELECT
    corpus,
    feature,
    COUNT(*) AS documents,
    CAST(SUM(active_tokens) AS BIGINT) AS active_tokens,
    MAX(max_activation) AS max_activation,
    ANY_VALUE(mean_active) AS mean_active,
    ANY_VALUE(m2) AS m2,
    ANY_VALUE(m3) AS m3,
    ANY_VALUE(m4) AS m4
  FROM fresh_document
  JOIN powers USING (corpus, feature)
  GROUP BY corpus, feature
),
met AS (
  SELECT
    added.*,
    COALESCE(stored.documents, 0) AS stored_documents,
    COALESCE(stored.active_tokens, 0) AS stored_tokens,
    COALESCE(stored.max_activation, 0) AS stored_max,
    COALESCE(stored.mean_active, added.mean_active) AS stored_mean,
    COALESCE(m2_active, 0) AS stored_m2,
    COALESCE(m3_active, 0) AS stored_m3,
    COALESCE(m4_active, 0) AS stored_m4,
    (stored_mean - added.mean_active) * stored_tokens / (stored_tokens + added.active_tokens) AS fresh_moves,
    (added.mean_active - stored_mean) * added.active_tokens / (stored_tokens + added.active_tokens) AS stored_moves
  FROM added
  LEFT JOIN feature_corpus AS stored
    ON stored.sae = $sae
    AND stored.corpus = added.corpus
    AND stored.feature = added.feature
)
SELECT
  $sae AS sae,
  corpus,
  feature,
  stored_documents + documents AS documents,
  stored_tokens + active_tokens AS active_tokens,
  GREATEST(stored_max, max_activation) AS max_activation,
  stored_mean + stored_moves AS mean_active,
  m2 + active_tokens * POWER(fresh_moves, 2) + stored_m2 + stored_tokens * POWER(stored_moves, 2) AS m2_active,
  m3 - 3 * fresh_moves * m2 - active_tokens * POWER(fresh_moves, 3)
    + stored_m3 - 3 * stored_moves * stored_m2 - stored_tokens * POWER(stored_moves, 3) AS m3_active,
  m4 - 4 * fresh_moves * m3 + 6 * POWER(fresh_moves, 2) * m2 + active_tokens * POWER(fresh_moves, 4)
    + stored_m4 - 4 * stored_moves * stored_m3 + 6 * POWER(stored_moves, 2) * stored_m2
    + stored_tokens * POWER(stored_moves, 4) AS m4_active
FROM met
ORDER BY corpus, feature
ON CONFLICT (sae, corpus, feature) DO UPDATE SET
  documents = excluded.documents,
  active_tokens = excluded.active_tokens,
  max_activation = excluded.max_activation,
  mean_active = excluded.mean_active,
  m2_active = excluded.m2_active,
  m3_active = excluded.m3_active,
  m4_active = excluded.m4_active;
