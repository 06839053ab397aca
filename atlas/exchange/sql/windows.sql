-- The windows that show the features of a range: the strongest over all corpora, then a sample of each octave. A text
-- that is in several corpora stands there once. Shares are of all tokens read.
WITH example AS (
  SELECT e.feature, e.sampling, e.octave, e.context, e.position, e.activation, context.content_hash
  FROM feature_example AS e
  JOIN context USING (context)
  WHERE e.sae = $sae
    AND e.feature BETWEEN $first AND $last
  QUALIFY ROW_NUMBER() OVER (PARTITION BY e.feature, e.sampling, content_hash ORDER BY e.context) = 1
),
read AS (
  SELECT SUM(tokens) AS tokens
  FROM sae_corpus
  WHERE sae = $sae
),
held AS (
  SELECT feature, CAST(FLOOR(bin / 8.0) AS SMALLINT) AS octave, SUM(tokens) AS tokens
  FROM feature_histogram
  WHERE sae = $sae
    AND feature BETWEEN $first AND $last
  GROUP BY ALL
),
strongest AS (
  SELECT
    feature,
    context,
    position,
    -1.0 AS bin_min,
    MAX(CAST(CAST(activation AS VARCHAR) AS DOUBLE)) OVER (PARTITION BY feature) AS bin_max,
    -1.0 AS bin_contains,
    ROW_NUMBER() OVER (PARTITION BY feature ORDER BY activation DESC, content_hash) AS rank,
    NULL AS octave
  FROM example
  WHERE sampling = 'top'
  QUALIFY rank <= $top_windows
),
sampled AS (
  SELECT
    feature,
    context,
    position,
    POWER(2.0, octave) AS bin_min,
    POWER(2.0, octave + 1) AS bin_max,
    COALESCE(1.0 * held.tokens / read.tokens, 0) AS bin_contains,
    ROW_NUMBER() OVER (PARTITION BY feature, octave ORDER BY content_hash) AS rank,
    octave
  FROM example
  CROSS JOIN read
  LEFT JOIN held USING (feature, octave)
  WHERE sampling = 'octave'
  QUALIFY rank <= $octave_windows
)
SELECT
  feature,
  context,
  position,
  bin_min,
  bin_max,
  bin_contains,
  ROW_NUMBER() OVER (PARTITION BY feature ORDER BY octave DESC NULLS FIRST, rank) AS place
FROM (FROM strongest UNION ALL FROM sampled)
