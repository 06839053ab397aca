CREATE TEMP TABLE merged AS
SELECT corpus, feature, bin, CAST(SUM(tokens) AS BIGINT) AS tokens
FROM (
  SELECT corpus, feature, bin, tokens
  FROM feature_histogram
  WHERE sae = $sae
    AND corpus IN (SELECT corpus FROM unsummed)
  UNION ALL
  FROM slice_histogram
)
GROUP BY corpus, feature, bin;

DELETE FROM feature_histogram
WHERE sae = $sae
  AND corpus IN (SELECT corpus FROM unsummed);

INSERT INTO feature_histogram BY NAME
SELECT $sae AS sae, *
FROM merged
ORDER BY corpus, feature, bin;

DROP TABLE merged;
