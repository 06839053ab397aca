-- Where the features nearest to one of a range fire and it is silent in the whole snippet: the nearest feature's first.
WITH near AS (
  SELECT
    n.feature,
    n.rank,
    p.context,
    p.position,
    p.member,
    p.drawn
  FROM feature_neighbour AS n
  JOIN label_place AS p ON p.feature = n.other_feature AND NOT p.making
  WHERE n.sae = $sae
    AND n.feature BETWEEN $first AND $last
),
fires AS (
  SELECT DISTINCT near.feature, near.context, near.position
  FROM near
  JOIN activation AS a
    ON a.sae = $sae
    AND a.feature = near.feature
    AND a.context = near.context
    AND a.position BETWEEN near.position - $radius AND near.position + $radius
)
SELECT
  feature,
  context,
  ANY_VALUE(member) AS member,
  position,
  ROW_NUMBER() OVER (PARTITION BY feature ORDER BY MIN(rank), MIN(drawn), context, position) AS turn
FROM near
ANTI JOIN fires USING (feature, context, position)
GROUP BY feature, context, position
QUALIFY turn <= $contexts
ORDER BY feature, turn
