-- Where a feature of a range is silent in the whole snippet around a token that it fires on elsewhere: as many places
-- of each token as it fires on.
WITH fired AS (
  SELECT p.feature, t.token_id, COUNT(*) AS times
  FROM label_place AS p
  JOIN token AS t USING (context, position)
  WHERE NOT p.making
    AND p.feature BETWEEN $first AND $last
  GROUP BY ALL
),
same AS (
  SELECT feature, token_id, times, context, position, member, draw
  FROM fired
  JOIN label_token USING (token_id)
),
fires AS (
  SELECT DISTINCT same.feature, same.context, same.position
  FROM same
  JOIN activation AS a
    ON a.sae = $sae
    AND a.feature = same.feature
    AND a.context = same.context
    AND a.position BETWEEN same.position - $radius AND same.position + $radius
)
SELECT
  feature,
  context,
  position,
  member,
  ROW_NUMBER() OVER (PARTITION BY feature, token_id ORDER BY draw) AS drawn
FROM same
ANTI JOIN fires USING (feature, context, position)
QUALIFY drawn <= times
ORDER BY feature, drawn, draw, token_id
