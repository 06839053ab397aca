-- Windows that are no longer among the first of a feature are let go, and what a later one has to reach is raised.
CREATE TEMP TABLE strongest AS
SELECT *, ROW_NUMBER() OVER () AS place
FROM (
  FROM slice_example
  ORDER BY corpus, feature, activation DESC, content_hash
);

CREATE TEMP TABLE first_strongest AS
WITH first AS (
  SELECT corpus, feature, MIN(place) AS place
  FROM strongest
  GROUP BY corpus, feature
)
SELECT strongest.* EXCLUDE (place)
FROM strongest
JOIN first USING (corpus, feature)
WHERE strongest.place - first.place < $top_examples;

DROP TABLE strongest;

CREATE TEMP TABLE drawn AS
SELECT *, ROW_NUMBER() OVER () AS place
FROM (
  FROM slice_example
  ORDER BY corpus, feature, octave, content_hash
);

CREATE TEMP TABLE first_drawn AS
WITH first AS (
  SELECT corpus, feature, octave, MIN(place) AS place
  FROM drawn
  GROUP BY corpus, feature, octave
)
SELECT drawn.* EXCLUDE (place)
FROM drawn
JOIN first USING (corpus, feature, octave)
WHERE drawn.place - first.place < $octave_examples;

DROP TABLE drawn;

CREATE TEMP TABLE raised AS
SELECT corpus, feature, MAX(activation) AS activation
FROM (
  FROM weakest
  UNION ALL
  SELECT corpus, feature, MIN(activation)
  FROM first_strongest
  GROUP BY corpus, feature
  HAVING COUNT(*) >= $top_examples
)
GROUP BY corpus, feature;

DROP TABLE weakest;

ALTER TABLE raised RENAME TO weakest;

CREATE TEMP TABLE lowered AS
SELECT corpus, feature, octave, MIN(content_hash) AS content_hash
FROM (
  FROM last_drawn
  UNION ALL
  SELECT corpus, feature, octave, MAX(content_hash)
  FROM first_drawn
  GROUP BY corpus, feature, octave
  HAVING COUNT(*) >= $octave_examples
)
GROUP BY corpus, feature, octave;

DROP TABLE last_drawn;

ALTER TABLE lowered RENAME TO last_drawn;

DROP TABLE slice_example;

CREATE TEMP TABLE slice_example AS
FROM first_strongest
UNION
FROM first_drawn;

DROP TABLE first_strongest;

DROP TABLE first_drawn;
