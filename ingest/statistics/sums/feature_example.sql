-- Each window stands for a feature by its maximum. The top windows and, for each octave of that maximum,
-- those with the smallest content hash: both merge, since a window that is not among the first of a part
-- is not among the first of the whole.
CREATE TEMP TABLE candidate AS
WITH maximum AS (
  SELECT
    feature,
    context,
    ANY_VALUE(content_hash) AS content_hash,
    MAX(activation) AS activation,
    CAST(ARG_MIN(position, (-activation, position)) AS SMALLINT) AS position
  FROM fresh
  GROUP BY feature, context
),
every AS (
  SELECT feature, context, content_hash, activation, position
  FROM maximum
  UNION
  SELECT feature, context, content_hash, activation, position
  FROM feature_example
  JOIN context USING (context)
  WHERE sae = $sae
    AND corpus = $corpus
)
SELECT *, CAST(FLOOR(LOG2(CAST(activation AS DOUBLE))) AS SMALLINT) AS octave
FROM every;

DELETE FROM feature_example
WHERE sae = $sae
  AND corpus = $corpus;

INSERT INTO feature_example BY NAME
SELECT
  $sae AS sae,
  $corpus AS corpus,
  feature,
  'top' AS sampling,
  octave,
  ROW_NUMBER() OVER (PARTITION BY feature ORDER BY activation DESC, content_hash) AS rank,
  context,
  position,
  activation
FROM candidate
QUALIFY rank <= $top_examples
ORDER BY feature, rank;

INSERT INTO feature_example BY NAME
SELECT
  $sae AS sae,
  $corpus AS corpus,
  feature,
  'octave' AS sampling,
  octave,
  ROW_NUMBER() OVER (PARTITION BY feature, octave ORDER BY content_hash) AS rank,
  context,
  position,
  activation
FROM candidate
QUALIFY rank <= $octave_examples
ORDER BY feature, octave, rank;

DROP TABLE candidate;
