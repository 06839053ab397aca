-- The windows that slices gave, and those stored of the features that a slice enters: both merge, since a window that
-- is not among the first of a slice is not among the first of the whole. Other features stay as they are.
CREATE TEMP TABLE candidate AS
FROM slice_example
UNION
SELECT corpus, feature, context, content_hash, activation, position, octave
FROM feature_example
JOIN context USING (context)
WHERE sae = $sae
  AND (corpus, feature) IN (SELECT (corpus, feature) FROM slice_example);

DELETE FROM feature_example
WHERE sae = $sae
  AND (corpus, feature) IN (SELECT (corpus, feature) FROM slice_example);
