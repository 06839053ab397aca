CREATE TEMP TABLE merged AS
SELECT sae, corpus, feature, bin, CAST(SUM(tokens) AS BIGINT) AS tokens
FROM (
  SELECT sae, corpus, feature, bin, tokens
  FROM feature_histogram
  WHERE sae = $sae
    AND corpus = $corpus
  UNION ALL
  SELECT $sae, $corpus, feature, CAST(FLOOR(8 * LOG2(CAST(activation AS DOUBLE))) AS SMALLINT), COUNT(*)
  FROM fresh
  GROUP BY ALL
)
GROUP BY ALL;

DELETE FROM feature_histogram
WHERE sae = $sae
  AND corpus = $corpus;

INSERT INTO feature_histogram BY NAME
SELECT *
FROM merged
ORDER BY feature, bin;

DROP TABLE merged;
