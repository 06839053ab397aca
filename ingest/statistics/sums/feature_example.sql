-- The top windows of a feature and, for each octave of a window's maximum, those with the smallest content hash: both
-- merge, since a window that is not among the first of a part is not among the first of the whole.
--
-- First the windows that enter: others stay behind what a feature has already, and a feature that none enters stays.
CREATE TEMP TABLE entering AS
WITH part AS (
  SELECT *, CAST(FLOOR(LOG2(CAST(activation AS DOUBLE))) AS SMALLINT) AS octave
  FROM part_example
),
weakest AS (
  SELECT corpus, feature, MIN(activation) AS activation
  FROM feature_example
  WHERE sae = $sae
    AND sampling = 'top'
  GROUP BY corpus, feature
  HAVING COUNT(*) >= $top_examples
),
last_drawn AS (
  SELECT corpus, feature, octave, MAX(content_hash) AS content_hash
  FROM feature_example
  JOIN context USING (context)
  WHERE sae = $sae
    AND sampling = 'octave'
  GROUP BY corpus, feature, octave
  HAVING COUNT(*) >= $octave_examples
)
SELECT part.*
FROM part
LEFT JOIN weakest USING (corpus, feature)
LEFT JOIN last_drawn USING (corpus, feature, octave)
WHERE weakest.activation IS NULL
  OR part.activation >= weakest.activation
  OR last_drawn.content_hash IS NULL
  OR part.content_hash <= last_drawn.content_hash;

CREATE TEMP TABLE candidate AS
FROM entering
UNION
SELECT corpus, feature, context, content_hash, activation, position, octave
FROM feature_example
JOIN context USING (context)
WHERE sae = $sae
  AND (corpus, feature) IN (SELECT (corpus, feature) FROM entering);

DELETE FROM feature_example
WHERE sae = $sae
  AND (corpus, feature) IN (SELECT (corpus, feature) FROM entering);

DROP TABLE entering;

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
