-- The features whose decoder rows lie nearest, for each of a range.
SELECT feature, other_feature, CAST(CAST(cosine AS VARCHAR) AS DOUBLE) AS cosine
FROM feature_neighbour
WHERE sae = $sae
  AND feature BETWEEN $first AND $last
ORDER BY feature, rank
