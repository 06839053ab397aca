-- Each row of what slices gave is of another key: they are put together.
UPDATE feature_histogram
SET tokens = feature_histogram.tokens + slice_histogram.tokens
FROM slice_histogram
WHERE feature_histogram.sae = $sae
  AND feature_histogram.corpus = slice_histogram.corpus
  AND feature_histogram.feature = slice_histogram.feature
  AND feature_histogram.bin = slice_histogram.bin;

INSERT INTO feature_histogram BY NAME
SELECT $sae AS sae, *
FROM slice_histogram
ANTI JOIN (
  SELECT corpus, feature, bin
  FROM feature_histogram
  WHERE sae = $sae
) USING (corpus, feature, bin)
ORDER BY corpus, feature, bin;
