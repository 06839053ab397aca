-- The top windows of a feature and, for each octave of a window's maximum, those with the smallest content hash: both
-- merge, since a window that is not among the first of a slice is not among the first of the whole. A feature that no
-- window of a slice enters stays as it is.
CREATE TEMP TABLE candidate AS
FROM slice_example
UNION
SELECT corpus, feature, context, content_hash, activation, position, octave
FROM feature_example
JOIN context USING (context)
WHERE sae = $sae
  AND (corpus, feature) IN (SELECT (corpus, feature) FROM slice_example);

DELETE FROM feature_example
WHERE sae = $sae
  AND (corpus, feature) IN (SELECT (corpus, feature) FROM slice_example);

-- Rows are numbered in their order and ranked by the first number of their group: to rank them by a window function
-- holds a block of memory for each of hundreds of partitions.
CREATE TEMP TABLE strongest AS
SELECT *, ROW_NUMBER() OVER () AS place
FROM (
  FROM candidate
  ORDER BY corpus, feature, activation DESC, content_hash
);

INSERT INTO feature_example BY NAME
WITH first AS (
  SELECT corpus, feature, MIN(place) AS place
  FROM strongest
  GROUP BY corpus, feature
)
SELECT
  $sae AS sae,
  corpus,
  feature,
  'top' AS sampling,
  octave,
  strongest.place - first.place + 1 AS rank,
  context,
  position,
  activation
FROM strongest
JOIN first USING (corpus, feature)
WHERE strongest.place - first.place < $top_examples
ORDER BY corpus, feature, rank;

DROP TABLE strongest;

CREATE TEMP TABLE drawn AS
SELECT *, ROW_NUMBER() OVER () AS place
FROM (
  FROM candidate
  ORDER BY corpus, feature, octave, content_hash
);

INSERT INTO feature_example BY NAME
WITH first AS (
  SELECT corpus, feature, octave, MIN(place) AS place
  FROM drawn
  GROUP BY corpus, feature, octave
)
SELECT
  $sae AS sae,
  corpus,
  feature,
  'octave' AS sampling,
  octave,
  drawn.place - first.place + 1 AS rank,
  context,
  position,
  activation
FROM drawn
JOIN first USING (corpus, feature, octave)
WHERE drawn.place - first.place < $octave_examples
ORDER BY corpus, feature, octave, rank;

DROP TABLE drawn;

DROP TABLE candidate;
