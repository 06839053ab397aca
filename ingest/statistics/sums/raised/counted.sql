-- The tokens that may be among the first of the features in `touched`, over all corpora, in order: those that come, and
-- those that were among the first. Others have become no more, and were behind.
CREATE TEMP TABLE candidate AS
SELECT feature, token_id
FROM slice_token
UNION
SELECT feature, token_id
FROM feature_top_token
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
  SEMI JOIN candidate USING (feature, token_id)
  WHERE sae = $sae
  GROUP BY feature, token_id
  ORDER BY feature, active_tokens DESC, sum_activation DESC, token_id
);

DROP TABLE candidate;
