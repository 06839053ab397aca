-- Where each feature of a range fires: in each window the token of its maximum. Of the half that labels are made from,
-- the strongest windows and as many drawn by hash; of the other, drawn by hash alone, as scores are of all it fires on.
-- first_run is the run that read the first window in which the feature fires in the half.
INSERT INTO label_place
WITH peak AS (
  SELECT
    feature,
    context,
    MAX(activation) AS activation,
    CAST(ARG_MIN(position, (-activation, position)) AS SMALLINT) AS position
  FROM activation
  WHERE sae = $sae
    AND feature BETWEEN $first AND $last
  GROUP BY feature, context
)
SELECT
  feature,
  context,
  position,
  member,
  making,
  ROW_NUMBER() OVER (PARTITION BY feature, making ORDER BY content_hash, context) AS drawn,
  ROW_NUMBER() OVER (PARTITION BY feature, making ORDER BY activation DESC, content_hash, context) AS strongest,
  MIN(ingest_run) OVER (PARTITION BY feature, making) AS first_run
FROM peak
JOIN label_window USING (context)
QUALIFY drawn <= CASE WHEN making THEN $contexts // 2 ELSE $contexts END
  OR (making AND strongest <= $contexts // 2)
ORDER BY feature, making, drawn
