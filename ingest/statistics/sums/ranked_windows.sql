-- Of the candidates of a feature the windows with the largest activations and, for each octave of a window's maximum,
-- those with the smallest content hash.
--
-- Rows are numbered in their order and ranked by the first number of their group: to rank them by a window function
-- holds a block of memory for each of hundreds of partitions.
CREATE TEMP TABLE ordered AS
SELECT *, ROW_NUMBER() OVER () AS place
FROM (
  FROM candidate
  ORDER BY corpus, feature, activation DESC, content_hash
);

CREATE TEMP TABLE strongest AS
WITH first AS (
  SELECT corpus, feature, MIN(place) AS place
  FROM ordered
  GROUP BY corpus, feature
)
SELECT ordered.* EXCLUDE (place), ordered.place - first.place + 1 AS rank
FROM ordered
JOIN first USING (corpus, feature)
WHERE ordered.place - first.place < $top_examples;

DROP TABLE ordered;

CREATE TEMP TABLE ordered AS
SELECT *, ROW_NUMBER() OVER () AS place
FROM (
  FROM candidate
  ORDER BY corpus, feature, octave, content_hash
);

CREATE TEMP TABLE drawn AS
WITH first AS (
  SELECT corpus, feature, octave, MIN(place) AS place
  FROM ordered
  GROUP BY corpus, feature, octave
)
SELECT ordered.* EXCLUDE (place), ordered.place - first.place + 1 AS rank
FROM ordered
JOIN first USING (corpus, feature, octave)
WHERE ordered.place - first.place < $octave_examples;

DROP TABLE ordered;

DROP TABLE candidate;
