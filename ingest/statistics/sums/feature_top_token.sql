-- The tokens a feature fires on most, over all corpora: made anew for the features in `touched`.
DELETE FROM feature_top_token
WHERE sae = $sae
  AND feature IN (FROM touched);

CREATE TEMP TABLE counted AS
SELECT *, ROW_NUMBER() OVER () AS place
FROM (
  SELECT
    feature,
    token_id,
    CAST(SUM(active_tokens) AS BIGINT) AS active_tokens,
    SUM(sum_activation) AS sum_activation
  FROM feature_token
  WHERE sae = $sae
    AND feature IN (FROM touched)
  GROUP BY feature, token_id
  ORDER BY feature, active_tokens DESC, sum_activation DESC, token_id
);

INSERT INTO feature_top_token BY NAME
WITH first AS (
  SELECT feature, MIN(place) AS place
  FROM counted
  GROUP BY feature
)
SELECT
  $sae AS sae,
  feature,
  counted.place - first.place + 1 AS rank,
  token_id,
  active_tokens,
  sum_activation
FROM counted
JOIN first USING (feature)
WHERE counted.place - first.place < $top_tokens
ORDER BY feature, rank;

DROP TABLE counted;
