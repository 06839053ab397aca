-- The tokens a feature fires on most, over all corpora: made anew for the features in `touched`, of those in `counted`.
DELETE FROM feature_top_token
WHERE sae = $sae
  AND feature IN (FROM touched);

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
