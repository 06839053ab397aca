-- How many of a feature's activations lie in each of equal bars from the least to the largest.
WITH fired AS (
  SELECT feature, CAST(activation AS DOUBLE) AS activation
  FROM activation
  WHERE sae = $sae
    AND feature BETWEEN $first AND $last
),
ends AS (
  SELECT feature, MIN(activation) AS least, MAX(activation) AS largest
  FROM fired
  GROUP BY feature
),
counted AS (
  SELECT
    feature,
    least,
    largest,
    CASE
      WHEN largest > least THEN LEAST($bars - 1, CAST(FLOOR((activation - least) / (largest - least) * $bars) AS INTEGER))
      ELSE 0
    END AS bar,
    COUNT(*) AS tokens
  FROM fired
  JOIN ends USING (feature)
  GROUP BY ALL
)
SELECT feature, least, largest, LIST(bar) AS bars, LIST(tokens) AS tokens
FROM counted
GROUP BY feature, least, largest
