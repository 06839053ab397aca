CREATE TEMP TABLE folded AS
SELECT corpus, feature, bin, CAST(SUM(tokens) AS BIGINT) AS tokens
FROM slice_histogram
GROUP BY corpus, feature, bin;

DROP TABLE slice_histogram;

ALTER TABLE folded RENAME TO slice_histogram;
