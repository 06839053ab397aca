-- How many different tokens a feature fires on, as a share of its active tokens, over the documents of the contrast;
-- its standard error by leaving out a group at a time (jackknife): a group takes with it the tokens that it alone has.
WITH word AS (
  SELECT feature, token_id, MIN(member) AS member, MIN(member) = MAX(member) AS alone
  FROM activation
  SEMI JOIN favoured USING (feature)
  JOIN context USING (context)
  JOIN chosen USING (document)
  JOIN token USING (context, position)
  WHERE sae = $sae
  GROUP BY feature, token_id
),
own AS (
  SELECT feature, member, COUNT(*) AS own
  FROM word
  WHERE alone
  GROUP BY feature, member
),
fired AS (
  SELECT feature, member, SUM(active_tokens) AS active
  FROM feature_document
  SEMI JOIN favoured USING (feature)
  JOIN chosen USING (document)
  WHERE sae = $sae
  GROUP BY feature, member
),
whole AS (
  SELECT feature, active, types
  FROM (SELECT feature, SUM(active) AS active FROM fired GROUP BY feature)
  JOIN (SELECT feature, COUNT(*) AS types FROM word GROUP BY feature) USING (feature)
)
SELECT
  feature,
  whole.types,
  whole.types / whole.active AS type_share,
  COUNT(*) AS groups,
  SQRT((COUNT(*) - 1) * VAR_POP((whole.types - COALESCE(own, 0)) / NULLIF(whole.active - fired.active, 0))) AS error
FROM fired
JOIN whole USING (feature)
LEFT JOIN own USING (feature, member)
GROUP BY feature, whole.types, whole.active
