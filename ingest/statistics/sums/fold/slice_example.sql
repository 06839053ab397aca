-- Windows that are no longer among the first of a feature are let go, and what a later one has to reach is raised.
CREATE TEMP TABLE raised AS
SELECT corpus, feature, MAX(activation) AS activation
FROM (
  FROM weakest
  UNION ALL
  SELECT corpus, feature, MIN(activation)
  FROM strongest
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
  FROM drawn
  GROUP BY corpus, feature, octave
  HAVING COUNT(*) >= $octave_examples
)
GROUP BY corpus, feature, octave;

DROP TABLE last_drawn;

ALTER TABLE lowered RENAME TO last_drawn;

CREATE TEMP TABLE slice_example AS
SELECT * EXCLUDE (rank)
FROM strongest
UNION
SELECT * EXCLUDE (rank)
FROM drawn;

DROP TABLE strongest;

DROP TABLE drawn;
