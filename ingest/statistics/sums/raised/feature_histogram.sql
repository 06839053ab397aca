CREATE TEMP TABLE added AS
SELECT corpus, feature, bin, CAST(SUM(tokens) AS BIGINT) AS tokens
FROM slice_histogram
GROUP BY corpus, feature, bin;

UPDATE feature_histogram
SET tokens = feature_histogram.tokens + added.tokens
FROM added
WHERE feature_histogram.sae = $sae
  AND feature_histogram.corpus = added.corpus
  AND feature_histogram.feature = added.feature
  AND feature_histogram.bin = added.bin;

INSERT INTO feature_histogram BY NAME
SELECT $sae AS sae, *
FROM added
ANTI JOIN (
  SELECT corpus, feature, bin
  FROM feature_histogram
  WHERE sae = $sae
) USING (corpus, feature, bin)
ORDER BY corpus, feature, bin;

DROP TABLE added;
